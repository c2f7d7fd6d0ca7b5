// "Did you mean": the known name with the fewest edits (Damerau 1964, Levenshtein 1966; optimal
// string alignment, so that two swapped letters are one edit).

/// The known name that someone probably meant, or nil where none is near: at most a third of its
/// characters may differ, no more than `atMost`, and one edit is always forgiven. Ties go to the
/// earlier name; of addresses none is meant then, since all of a network are as near to one another.
public func nearestName(
    to name: String, in known: [String], atMost: Int = .max
) -> String? {
    let nearest = nearestNames(to: name, in: known, atMost: atMost)
    let isAddress = name.allSatisfy { $0.isHexDigit || $0 == "." || $0 == ":" }
    return isAddress && nearest.count > 1 ? nil : nearest.first
}

/// All that are nearest, and near enough.
private func nearestNames(to name: String, in known: [String], atMost: Int = .max) -> [String] {
    let limit = min(atMost, max(1, name.count / 3))
    var nearest: [String] = []
    var least = limit
    for candidate in known where abs(candidate.count - name.count) <= limit {
        let distance = editDistance(name.lowercased(), candidate.lowercased())
        if distance < least { nearest = [] }
        guard distance <= least else { continue }
        least = distance
        nearest.append(candidate)
    }
    return nearest
}

/// `; did you mean "x"?` for the nearest known name, else what is known, else nothing.
public func suggestion(for name: String, in known: [String]) -> String {
    if let nearest = nearestName(to: name, in: known) { return "; did you mean \"\(nearest)\"?" }
    if known.isEmpty || known.count > 24 { return "" }
    return "; known: \(known.joined(separator: ", "))"
}

/// `there is no group "prefil-0"; did you mean "prefill-0"? There are: prefill-0, decode-0`.
public func unknown(_ kind: String, _ name: String, known: [String]) -> String {
    // Of `node-9` any other may be meant, and all are listed.
    let nearest = nearestNames(to: name, in: known)
    let guess = nearest.count == 1 ? "; did you mean \"\(nearest[0])\"?" : "."
    let list = known.isEmpty ? "There are none yet" : "There are: " + known.joined(separator: ", ")
    return "there is no \(kind) \"\(name)\"\(guess) \(list)"
}

/// Insertions, deletions, substitutions and swaps of neighbours that turn one text into the other.
public func editDistance(_ left: String, _ right: String) -> Int {
    let left = Array(left)
    let right = Array(right)
    var beforePrevious: [Int] = []
    var previous = Array(0...right.count)
    for row in 0..<left.count {
        var current = [row + 1]
        for column in 0..<right.count {
            let substitution = previous[column] + (left[row] == right[column] ? 0 : 1)
            var distance = min(substitution, previous[column + 1] + 1, current[column] + 1)
            if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                distance = min(distance, beforePrevious[column - 1] + 1)
            }
            current.append(distance)
        }
        (beforePrevious, previous) = (previous, current)
    }
    return previous[right.count]
}
