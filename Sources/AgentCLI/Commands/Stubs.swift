// Stand-ins.
func runAgent(_ invocation: Invocation) -> ExitCode { .failure }
func rehearse(_ invocation: Invocation) -> ExitCode { .failure }
func runShim(_ invocation: Invocation) -> ExitCode { .failure }
func runRehearsalEngine(_ invocation: Invocation) -> ExitCode { .failure }
