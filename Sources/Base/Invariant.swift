// What must hold or else a bug of our own has broken the state: the process stops and says what it
// found. The standard library's precondition keeps its message to itself in optimized builds,
// which is where it is needed.

/// Stops the process with the message unless the condition holds, in every build.
@inlinable
public func invariant(
    _ condition: @autoclosure () -> Bool, _ message: @autoclosure () -> String,
    file: StaticString = #fileID, line: UInt = #line
) {
    if !condition() { fatalError(message(), file: file, line: line) }
}
