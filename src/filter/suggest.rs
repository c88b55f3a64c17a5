//! "Did you mean": the known word that is nearest to what was typed.

/// The candidate that differs from `word` by the fewest insertions, deletions, substitutions
/// and swaps of neighbours; none if even the nearest is further than a third of its length
/// (at least one edit, at most three).
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.to_lowercase().chars().collect();
    candidates
        .into_iter()
        .map(|c| (distance(&word, &c.to_lowercase().chars().collect::<Vec<_>>()), c))
        .filter(|(d, c)| *d <= (c.chars().count() / 3).clamp(1, 3) && *d < word.len())
        .min_by_key(|(d, _)| *d)
        .map(|(_, c)| c)
}

/// `; did you mean "x"?`, or nothing.
pub fn hint<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    closest(word, candidates).map(|c| format!("; did you mean \"{c}\"?")).unwrap_or_default()
}

/// Optimal string alignment distance (Damerau's, each stretch edited once).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let differs = usize::from(a[i - 1] != b[j - 1]);
            let mut best =
                (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(rows[i - 1][j - 1] + differs);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let words = ["contrast", "saturation", "gamma", "b"];
        assert_eq!(closest("contrats", words), Some("contrast"));
        assert_eq!(closest("saturate", words), Some("saturation"));
        assert_eq!(closest("Gama", words), Some("gamma"));
        assert_eq!(closest("sharpen", words), None);
        assert_eq!(closest("x", words), None);
        assert_eq!(hint("gmama", words), "; did you mean \"gamma\"?");
    }
}
