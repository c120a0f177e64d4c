package manifest

import (
	"fmt"
	"slices"
	"strings"
)

// maxSuggestLength bounds the quadratic comparison of [Suggest]; longer words are no typing mistakes.
const maxSuggestLength = 64

// maxSuggestions is how many words are read as a hint.
const maxSuggestions = 12

// Suggest returns the hint "did you mean X?" for the known word that is closest to word. When none is close, it is the list of known words if
// that is short enough to read, or of those that share a part with word, as tools/call and tools/list do; else "".
func Suggest(word string, known []string) string {
	best, bestDistance := "", 1+max(1, len(word)/3)
	for _, k := range known {
		if d := distance(strings.ToLower(word), strings.ToLower(k)); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	switch {
	case best != "":
		return fmt.Sprintf("did you mean %q?", best)
	case len(known) > 0 && len(known) <= maxSuggestions:
		return "one of " + strings.Join(known, ", ")
	}
	alike := slices.DeleteFunc(slices.Clone(known), func(k string) bool { return !sharePart(word, k) })
	if len(alike) > 0 && len(alike) <= maxSuggestions {
		return "such as " + strings.Join(alike, ", ")
	}
	return ""
}

// sharePart tells whether one of the names that a slash or a dot parts stands in both words.
func sharePart(a, b string) bool {
	parts := func(word string) []string {
		return strings.FieldsFunc(word, func(r rune) bool { return r == '/' || r == '.' })
	}
	others := parts(b)
	return slices.ContainsFunc(parts(a), func(part string) bool { return slices.Contains(others, part) })
}

// distance is the optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours.
func distance(a, b string) int {
	if len(a) > maxSuggestLength || len(b) > maxSuggestLength {
		return maxSuggestLength
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			rows[i][j] = step(rows, a, b, i, j)
		}
	}
	return rows[len(a)][len(b)]
}

func step(rows [][]int, a, b string, i, j int) int {
	cost := 1
	if a[i-1] == b[j-1] {
		cost = 0
	}
	d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
	if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
		d = min(d, rows[i-2][j-2]+1)
	}
	return d
}
