//! What the judge cannot measure, said with every verdict, and the bounds of what it stores.

/// What the embedded judge cannot measure. Part of every verdict, because a number without it misleads.
pub const CANNOT_MEASURE: [&str; 5] = [
    "Whether statements are true: without a source to compare with, factual_accuracy is the same for every bid and \
     hardly counts.",
    "Traps in the instructions: an answer that looks good and misses the point can score well.",
    "Sense: words that mean nothing, or speak of something else, can score well under fitting headings.",
    "Literary quality: expert readers often prefer the shorter, plainer text; this judge does not.",
    "Strong works of nearly equal score: a small difference is too close to call.",
];

/// Spans listed per gate; the first ones tell the story.
pub(crate) const SPANS_PER_GATE: usize = 10;
