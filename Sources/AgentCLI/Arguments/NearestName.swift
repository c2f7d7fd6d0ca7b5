// "Did you mean …?": the known name with the fewest edits (Levenshtein distance), where those are
// few enough to be a slip of the fingers.

/// `; did you mean status?`, or what is known where nothing is near.
func suggestion(for name: String, among known: [String]) -> String {
    if let nearest = nearestName(to: name, among: known) {
        return "; did you mean \(nearest)?"
    }
    return known.isEmpty ? "" : "; known: " + known.joined(separator: ", ")
}

/// The nearest known name at a distance of at most a third of its length, and at least 2.
func nearestName(to name: String, among known: [String]) -> String? {
    let nearest =
        known
        .map { (name: $0, distance: editDistance(name, $0)) }
        .min { $0.distance < $1.distance }
    guard let nearest, nearest.distance <= max(2, nearest.name.count / 3) else { return nil }
    return nearest.name
}

/// How many characters must be inserted, removed or replaced to make one text the other.
private func editDistance(_ left: String, _ right: String) -> Int {
    let right = Array(right)
    var previous = Array(0...right.count)
    for (row, character) in left.enumerated() {
        var current = [row + 1]
        for column in right.indices {
            let replaced = previous[column] + (character == right[column] ? 0 : 1)
            current.append(min(replaced, previous[column + 1] + 1, current[column] + 1))
        }
        previous = current
    }
    return previous[right.count]
}
