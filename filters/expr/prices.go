package expr

import (
	"strings"

	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// Bytes of text for one unit of cost, about 0.3 µs (limits.go). CEL's own prices count characters, which costs more than searching
// them, and multiply the lengths of text and literal in contains: ordinary rules failed on a large request.
const (
	readRate   = 256 // searched, compared or counted: 1 ns a byte on text made to slow strings.Index down, 0.02 ns on any other
	decodeRate = 64  // decoded into characters, at four bytes each
	writeRate  = 16  // written, or read and written: this bounds memory as well

	// scanRate is what a byte costs that detectors look at: 0.05 µs of ordinary text, 1.5 µs of text that is made to look like what
	// they look for, of which an exchange can thus bring 12 MB.
	scanRate = 4

	// needleBlock is how many bytes strings.Index verifies at the price of one: a longer needle can be made to look found at every
	// place, since its rolling hash has no secret.
	needleBlock = 64

	// Regular expressions (matchPrice; BenchmarkRegexp measures): a byte costs as many instructions of the program as text makes
	// active, and as much as matchBase of them besides.
	matchRate  = 1024
	matchBase  = 32
	matchDense = 128
)

// price is what a call costs beyond the one unit of every call, told from its arguments before it is made; b and c are nil where
// the call has fewer.
type price func(a, b, c ref.Val) uint64

// prices are of all functions; matches has a node of its own. A function that is not listed is refused by NewEnv.
func prices() map[string]price {
	all := map[string]price{
		operators.In: inPrice, operators.Equals: comparison, operators.NotEquals: comparison,
		operators.Less: comparison, operators.LessEquals: comparison,
		operators.Greater: comparison, operators.GreaterEquals: comparison,
		operators.Add:        func(a, b, _ ref.Val) uint64 { return (length(a) + length(b)) / writeRate },
		"contains":           func(a, b, _ ref.Val) uint64 { return search(length(a), length(b)) },
		"startsWith":         func(_, b, _ ref.Val) uint64 { return length(b) / readRate },
		"endsWith":           func(_, b, _ ref.Val) uint64 { return length(b) / readRate },
		"size":               func(a, _, _ ref.Val) uint64 { return length(a) / readRate },
		"indexOf":            indexPrice,
		"lastIndexOf":        indexPrice,
		"charAt":             decoded,
		"substring":          decoded,
		"trim":               decoded,
		"reverse":            written,
		"lowerAscii":         written,
		"upperAscii":         written,
		"strings.quote":      written,
		"replace":            replacePrice,
		"split":              splitPrice,
		"join":               joinPrice,
		"bytes":              written,
		"string":             written,
		"int":                decoded, // of digits
		"uint":               decoded,
		"double":             decoded,
		"bool":               decoded,
		"duration":           decoded,
		"timestamp":          decoded,
		"matches":            nil,
		operators.Index:      nil, // CEL's own nodes: they have no text to read
		operators.LogicalAnd: nil, operators.LogicalOr: nil, operators.Conditional: nil,
	}
	for _, name := range strings.Fields(`!_ -_ @not_strictly_false _%_ _*_ _-_ _/_ dyn type getDate getDayOfMonth getDayOfWeek
		getDayOfYear getFullYear getHours getMilliseconds getMinutes getMonth getSeconds`) {
		all[name] = free
	}
	return all
}

func free(ref.Val, ref.Val, ref.Val) uint64 { return 0 }
func decoded(a, _, _ ref.Val) uint64        { return length(a) / decodeRate }
func written(a, _, _ ref.Val) uint64        { return length(a) / writeRate }
func search(text, needle uint64) uint64     { return text / readRate * (1 + needle/needleBlock) }

// comparison reads what both have.
func comparison(a, b, _ ref.Val) uint64 {
	return min(length(a), length(b))/readRate + min(entries(a), entries(b))
}

// inPrice compares with each entry of a list.
func inPrice(a, b, _ ref.Val) uint64 {
	if _, isMap := b.(traits.Mapper); isMap {
		return length(a) / readRate
	}
	return entries(b) * (1 + length(a)/readRate)
}

// indexPrice: the extension compares character by character, at every place.
func indexPrice(a, b, _ ref.Val) uint64 {
	return length(a)/decodeRate + length(a)*length(b)/(2*readRate)
}

// replacePrice counts what will be found, so that the result is paid for before it takes memory.
func replacePrice(a, b, c ref.Val) uint64 {
	text, old, isText := pair(a, b)
	if !isText {
		return 0
	}
	return 2*search(length(a), length(b)) + (length(a)+uint64(strings.Count(text, old))*length(c))/writeRate
}

// splitPrice counts the parts in the same way: each takes as much memory as 16 bytes of text.
func splitPrice(a, b, _ ref.Val) uint64 {
	text, separator, isText := pair(a, b)
	if !isText {
		return 0
	}
	return 2*search(length(a), length(b)) + uint64(strings.Count(text, separator))
}

func joinPrice(a, b, _ ref.Val) uint64 {
	list, isList := a.(traits.Lister)
	if !isList {
		return 0
	}
	sum := entries(list) * (1 + length(b)/writeRate)
	for it := list.Iterator(); it.HasNext() == types.True; {
		sum += length(it.Next()) / writeRate
	}
	return sum
}

func pair(a, b ref.Val) (string, string, bool) {
	x, isText := a.(types.String)
	y, also := b.(types.String)
	return string(x), string(y), isText && also
}

// length is the bytes of a text, 0 for all else.
func length(v ref.Val) uint64 {
	switch v := v.(type) {
	case types.String:
		return uint64(len(v))
	case types.Bytes:
		return uint64(len(v))
	}
	return 0
}

// entries are those of a list or map, 0 for all else.
func entries(v ref.Val) uint64 {
	switch v.(type) {
	case traits.Lister, traits.Mapper:
		n, _ := v.(traits.Sizer).Size().(types.Int)
		return uint64(n)
	}
	return 0
}
