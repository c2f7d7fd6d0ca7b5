// Stand-ins.
func runAgent(_ invocation: Invocation) -> ExitCode { .failure }
