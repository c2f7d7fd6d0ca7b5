// The real program, as operators run it: agents, shims and engines as processes, judged by what
// `glm-agent status --json` and the answers through the router say. One cluster at a time, so that
// times mean something on a small machine.

import Testing

@Suite(.serialized, .timeLimit(.minutes(2)))
struct EndToEnd {}
