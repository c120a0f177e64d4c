package expr

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"
)

// pattern is a regular expression and what is known about it before any text is seen.
type pattern struct {
	re   *regexp.Regexp
	size uint64 // instructions of the compiled program

	// literals are texts of which every match contains one; none when nothing of use is known. Searching them is a thousand times
	// faster than the expression, and nearly always settles it: a key's prefix is in no ordinary text.
	literals []string
}

// minLiteral is the length from which a literal is rare enough in text to be worth a search of its own, maxLiterals how many are.
const (
	minLiteral  = 3
	maxLiterals = 16
)

func newPattern(text string) (*pattern, error) {
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, err
	}
	program, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil, err
	}
	if len(program.Inst) > MaxRegexProgram {
		return nil, errors.New("the regular expression is too large")
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, err
	}
	return &pattern{re, uint64(len(program.Inst)), literals(tree)}, nil
}

// literals finds texts of which every match of tree contains one.
func literals(tree *syntax.Regexp) []string {
	var found []string
	switch tree.Op {
	case syntax.OpLiteral:
		// An invalid byte of a text matches U+FFFD, and is not its encoding.
		if tree.Flags&syntax.FoldCase == 0 && len(tree.Rune) >= minLiteral && !slices.Contains(tree.Rune, utf8.RuneError) {
			found = []string{string(tree.Rune)}
		}
	case syntax.OpCapture, syntax.OpPlus:
		found = literals(tree.Sub[0])
	case syntax.OpRepeat:
		if tree.Min > 0 {
			found = literals(tree.Sub[0])
		}
	case syntax.OpConcat: // any part must be there: the one whose shortest literal is longest
		for _, sub := range tree.Sub {
			if of := literals(sub); shortest(of) > shortest(found) {
				found = of
			}
		}
	case syntax.OpAlternate: // one of the parts is there
		for _, sub := range tree.Sub {
			of := literals(sub)
			if len(of) == 0 {
				return nil
			}
			found = append(found, of...)
		}
	}
	if len(found) > maxLiterals {
		return nil
	}
	return found
}

func shortest(texts []string) int {
	if len(texts) == 0 {
		return 0
	}
	return len(slices.MinFunc(texts, func(a, b string) int { return len(a) - len(b) }))
}

// match is the call of matches, in the place of CEL's own node.
type match struct {
	id            int64
	text, pattern interpreter.InterpretableV2
	known         *pattern // nil where the pattern is not a constant
}

var _ interpreter.InterpretableV2 = (*match)(nil)

func newMatch(call interpreter.InterpretableCall) (interpreter.InterpretableV2, error) {
	m := &match{id: call.ID(), text: call.Args()[0], pattern: call.Args()[1]}
	fixed, isConst := m.pattern.(interpreter.InterpretableConst)
	if !isConst {
		return m, nil
	}
	text, isText := fixed.Value().(types.String)
	if !isText {
		return call, nil
	}
	var err error
	m.known, err = newPattern(string(text))
	return m, err
}

// ID is the expression's node.
func (m *match) ID() int64 { return m.id }

// Eval is the way of callers without a frame: CEL's planner makes none.
func (m *match) Eval(a interpreter.Activation) ref.Val { return interpreter.EvalActivation(a, m.Exec) }

// Exec looks for the literals, and only where one is there for the expression.
func (m *match) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	value := m.text.Exec(frame)
	if types.IsUnknownOrError(value) {
		return value
	}
	p, failure := m.known, ref.Val(nil)
	if p == nil {
		if p, failure = m.compile(frame); failure != nil {
			return label(m.id, failure)
		}
	}
	text, isText := value.(types.String)
	if !isText {
		return label(m.id, types.MaybeNoSuchOverloadErr(value))
	}
	for _, literal := range p.literals {
		charge(frame, search(length(text), uint64(len(literal))))
	}
	if len(p.literals) > 0 && !p.mayMatch(string(text)) {
		return types.False
	}
	charge(frame, matchPrice(length(text), p.size))
	return types.Bool(p.re.MatchString(string(text)))
}

func (p *pattern) mayMatch(text string) bool {
	return slices.ContainsFunc(p.literals, func(literal string) bool { return strings.Contains(text, literal) })
}

// compile compiles a pattern that the exchange gives. Parsing takes about as long as writing 256 times its length.
func (m *match) compile(frame *interpreter.ExecutionFrame) (*pattern, ref.Val) {
	value := m.pattern.Exec(frame)
	if types.IsUnknownOrError(value) {
		return nil, value
	}
	text, isText := value.(types.String)
	if !isText {
		return nil, types.MaybeNoSuchOverloadErr(value)
	}
	charge(frame, length(text)*readRate/writeRate)
	p, err := newPattern(string(text))
	if err != nil {
		return nil, types.NewErr("invalid regular expression")
	}
	return p, nil
}

// matchPrice is that of a search with a program of so many instructions. The square is for large programs, which come from counted
// repetitions: on text made for it most of their instructions are tried at every byte, of small ones only a few.
func matchPrice(text, size uint64) uint64 {
	return cost.SafeMultiply(text, matchBase+size+size*size/matchDense) / matchRate
}
