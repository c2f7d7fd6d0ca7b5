// Tokens as readable words, so that a completion is text a person can compare.

import Base

/// The words that the toy can say, and how it reads.
enum Vocabulary {
    static let words = [
        "amber", "basin", "cedar", "delta", "ember", "fjord", "grove", "haven",
        "inlet", "jetty", "knoll", "larch", "maple", "north", "ocean", "pearl",
        "quartz", "ridge", "slate", "tidal", "umber", "vista", "wharf", "yield",
        "acorn", "birch", "coral", "dunes", "eagle", "flint", "glade", "heron",
        "ivory", "junco", "kelps", "lilac", "moors", "nadir", "olive", "plume",
        "quail", "robin", "shale", "thorn", "upper", "vapor", "willow", "xenon",
        "yucca", "zephyr", "aster", "brook", "cliff", "dawns", "earth", "frost",
        "gorge", "hills", "isles", "jades", "karst", "lunar", "mists", "night",
    ]

    /// A prompt of any length is folded onto so many positions, so that a rehearsal of 128K tokens
    /// costs what a short one does. Every token still counts.
    static let positionLimit = 64

    /// The tokens of a prompt: one for each word, folded.
    static func tokens(of prompt: String) -> [UInt64] {
        let words = prompt.utf8.split(whereSeparator: { $0 == 0x20 || $0 == 0x0A })
        var tokens: [UInt64] = []
        for (index, word) in words.enumerated() {
            let token = word.fnv1a
            if index < positionLimit {
                tokens.append(token)
            } else {
                let place = index % positionLimit
                tokens[place] = Hash.mix(tokens[place], token)
            }
        }
        return tokens.isEmpty ? [0] : tokens
    }

    /// How many tokens a prompt is said to have.
    static func count(_ prompt: String) -> Int {
        max(1, prompt.utf8.split(whereSeparator: { $0 == 0x20 || $0 == 0x0A }).count)
    }

    /// The text of some tokens.
    static func text(of tokens: some Sequence<UInt64>) -> String {
        tokens.map { words[Int($0 % UInt64(words.count))] }.joined(separator: " ")
    }
}
