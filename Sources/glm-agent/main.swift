import AgentCLI
