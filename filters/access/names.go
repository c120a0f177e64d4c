package access

import (
	"maps"
	"slices"
	"strings"
	"unicode"

	"bartizan/filters"
	"bartizan/filters/mcp"
)

// The findings about names. A tool that is called like one of another server may get the calls that were meant for that, and a
// description may bend how the tool of another server is used (tool shadowing, Invariant Labs 2025).
const (
	detectorNames = "names"
	sameName      = "same_name"      // it is called like a tool of another server, which clients tell apart by the server
	lookalikeName = "lookalike_name" // its name is made to look like that of a tool of another server
	mentionsTool  = "mentions_tool"  // a text names a tool of another server
)

// names are those that the policy repository gives to tools: in the registry, and by pins.
type names struct {
	servers   map[string][]string // by name
	lookalike map[string][]string // by skeleton
}

func newNames(servers map[string]*server) names {
	n := names{map[string][]string{}, map[string][]string{}}
	for _, name := range slices.Sorted(maps.Keys(servers)) {
		for _, tool := range toolsOf(servers[name]) {
			n.servers[tool] = append(n.servers[tool], name)
			n.lookalike[skeleton(tool)] = append(n.lookalike[skeleton(tool)], name)
		}
	}
	return n
}

// toolsOf are the tools that the policy repository knows of a server.
func toolsOf(s *server) []string {
	all := slices.Collect(maps.Keys(s.Tools))
	if s.pins.Pins(mcp.ItemTool) {
		all = append(all, s.pins.Names(mcp.ItemTool)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// shadows compares an item of a server with the tools of others.
func (n names) shadows(s *server, item mcp.Item, words []string) []filters.Finding {
	var found []filters.Finding
	add := func(kind string, severity filters.Severity) {
		found = append(found, filters.Finding{Detector: detectorNames, Kind: kind, Severity: severity})
	}
	if item.Kind == mcp.ItemTool {
		switch own, others := s.knows(item.Name), foreign(n.servers[item.Name], s.Name); {
		case own:
		case others:
			add(sameName, filters.SeverityMedium)
		case foreign(n.lookalike[skeleton(item.Name)], s.Name):
			add(lookalikeName, graveUnlessPlain(item.Name))
		}
	}
	for _, w := range words {
		if w != item.Name && !s.knows(w) && foreign(n.servers[w], s.Name) {
			add(mentionsTool, filters.SeverityMedium)
			break
		}
	}
	return found
}

// graveUnlessPlain: letters of two alphabets in one name deceive; capitals and digits may be a habit.
func graveUnlessPlain(name string) filters.Severity {
	if strings.IndexFunc(name, func(r rune) bool { return r > unicode.MaxASCII }) >= 0 {
		return filters.SeverityHigh
	}
	return filters.SeverityMedium
}

// knows tells whether the policy repository gives the name to a tool of the server.
func (s *server) knows(tool string) bool {
	if _, registered := s.Tools[tool]; registered {
		return true
	}
	_, pinned := s.pins.Get(mcp.ItemTool, tool)
	return pinned
}

func foreign(servers []string, own string) bool {
	return slices.ContainsFunc(servers, func(s string) bool { return s != own })
}

// skeleton maps names that look alike to the same text (in the manner of Unicode TS 39, for the letters that matter in names of tools).
func skeleton(name string) string {
	return strings.Map(func(r rune) rune {
		if alike, ok := confusable[r]; ok {
			return alike
		}
		switch {
		case r >= 'A' && r <= 'Z':
			return skeletonOf(r + 'a' - 'A')
		case r >= 0xff01 && r <= 0xff5e: // full width
			return skeletonOf(r - 0xff01 + '!')
		case r >= 0x2010 && r <= 0x2015:
			return '-'
		case r >= 0x200b && r <= 0x200f || r == 0xfeff || r == 0x2060 || r == 0xad || r >= 0xe0000 && r <= 0xe01ef || r >= 0xfe00 && r <= 0xfe0f:
			return -1
		}
		return skeletonOf(r)
	}, name)
}

// skeletonOf folds the digits that look like letters.
func skeletonOf(r rune) rune {
	switch r {
	case '0':
		return 'o'
	case '1', 'i':
		return 'l'
	}
	if r >= 'A' && r <= 'Z' {
		return skeletonOf(r + 'a' - 'A')
	}
	return r
}

// confusable are letters of other alphabets that look like Latin ones.
var confusable = map[rune]rune{
	'а': 'a', 'е': 'e', 'о': 'o', 'р': 'p', 'с': 'c', 'у': 'y', 'х': 'x', 'і': 'l', 'ѕ': 's', 'ј': 'j', 'ԁ': 'd', 'һ': 'h', 'ԛ': 'q', 'ԝ': 'w',
	'А': 'a', 'В': 'b', 'Е': 'e', 'К': 'k', 'М': 'm', 'Н': 'h', 'О': 'o', 'Р': 'p', 'С': 'c', 'Т': 't', 'Х': 'x', 'к': 'k', 'т': 't', 'м': 'm',
	'α': 'a', 'ο': 'o', 'ρ': 'p', 'ν': 'v', 'υ': 'u', 'ι': 'l', 'κ': 'k', 'χ': 'x', 'ε': 'e', 'τ': 't',
	'Α': 'a', 'Β': 'b', 'Ε': 'e', 'Η': 'h', 'Ι': 'l', 'Κ': 'k', 'Μ': 'm', 'Ν': 'n', 'Ο': 'o', 'Ρ': 'p', 'Τ': 't', 'Χ': 'x', 'Υ': 'y', 'Ζ': 'z',
	'ı': 'l', 'ɑ': 'a', 'ɡ': 'g', 'ⅼ': 'l', 'ʟ': 'l', 'ꞏ': '_',
}
