// Stand-ins.
func runAgent(_ invocation: Invocation) -> ExitCode { .failure }
func listProfiles(_ invocation: Invocation) -> ExitCode { .failure }
func showProfile(_ invocation: Invocation) -> ExitCode { .failure }
func validateProfile(_ invocation: Invocation) -> ExitCode { .failure }
func renderProfile(_ invocation: Invocation) -> ExitCode { .failure }
func rehearse(_ invocation: Invocation) -> ExitCode { .failure }
func runShim(_ invocation: Invocation) -> ExitCode { .failure }
func runRehearsalEngine(_ invocation: Invocation) -> ExitCode { .failure }
func suggestion(for name: String, in known: [String]) -> String { "; did you mean \"status\"?" }
