package expr

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"cel.dev/cel-go/cel"

	"bartizan/filters"
	"bartizan/filters/manifest"
)

// mistake turns CEL's errors about one expression into ours: the first one, since those after it often follow from it.
func (e *Env) mistake(source manifest.String, found []*cel.Error) *manifest.Error {
	first := slices.MinFunc(found, func(a, b *cel.Error) int {
		return cmp.Or(cmp.Compare(a.Location.Line(), b.Location.Line()), cmp.Compare(a.Location.Column(), b.Location.Column()))
	})
	line, column := max(first.Location.Line(), 1), max(first.Location.Column(), 0)
	rest := after(source.Value, line, column)
	if strings.HasPrefix(rest, ".") && len(rest) > 1 { // CEL points at the dot before a field
		column, rest = column+1, rest[1:]
	}
	message, hint := plain(first.Message)
	if back := calledName(source.Value, line, column, message); back > 0 {
		column -= back
		rest = after(source.Value, line, column)
	}
	if other := e.otherSurface(message); other != "" {
		hint = other
	} else if hint == "" {
		hint = e.suggestField(message)
	}
	text := token(rest)
	if text == "=" {
		hint = "write == to compare"
	}
	return &manifest.Error{Position: source.At(line, column), Text: text, Message: message, Hint: hint}
}

// quoted is the first name that a message quotes.
var quoted = regexp.MustCompile(`'([A-Za-z_]\w*)'`)

// calledName is how far before the place a function's name begins: CEL points at the bracket after it.
func calledName(text string, line, column int, message string) int {
	m := quoted.FindStringSubmatch(message)
	if m == nil || !strings.HasPrefix(after(text, line, column), "(") {
		return 0
	}
	if back := len(m[1]); back <= column && strings.HasPrefix(after(text, line, column-back), m[1]) {
		return back
	}
	return 0
}

// after is the text from a place on to the end of its line.
func after(text string, line, column int) string {
	for ; line > 1; line-- {
		_, text, _ = strings.Cut(text, "\n")
	}
	text, _, _ = strings.Cut(text, "\n")
	runes := []rune(text)
	return string(runes[min(column, len(runes)):])
}

// token is the word, the literal or the operator that text begins with.
func token(text string) string {
	word := func(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }
	end := strings.IndexFunc(text, func(r rune) bool { return !word(r) })
	if end < 0 {
		return text
	}
	if end > 0 {
		return text[:end]
	}
	return operator.FindString(text)
}

// operator is an operator, a bracket or a string literal at the beginning of a text.
var operator = regexp.MustCompile(`^([=!<>]=|&&|\|\||'[^']*'|"[^"]*"|[^\s\w])`)

// suggestion is how CEL's checker ends a message that has one. Some offer functions of libraries that we leave out.
var suggestion = regexp.MustCompile(` \((did you mean .*|enable with .*)\)$`)

// plain drops from a message what only a user of the library understands.
func plain(message string) (text, hint string) {
	message = strings.ReplaceAll(message, " (in container '')", "")
	if m := suggestion.FindStringSubmatch(message); m != nil {
		message, hint = strings.TrimSuffix(message, m[0]), m[1]
	}
	if strings.Contains(hint, "enable with") {
		hint = ""
	}
	message, _, _ = strings.Cut(message, " expecting ")
	message = strings.ReplaceAll(message, "Syntax error: ", "syntax error: ")
	return strings.ReplaceAll(message, "bartizan.", ""), hint
}

var (
	undefinedField = regexp.MustCompile(`undefined field '([^']*)'`)
	undeclared     = regexp.MustCompile(`undeclared reference to '([^']*)'`)
)

// otherSurface explains a variable that exists on the other surface.
func (e *Env) otherSurface(message string) string {
	m := undeclared.FindStringSubmatch(message)
	if m == nil {
		return ""
	}
	for _, s := range []filters.Surface{filters.SurfaceLLM, filters.SurfaceMCP} {
		if m[1] == string(s) && e.surface == "" {
			return fmt.Sprintf("%s is not known before the body is read: only identity and request are", s)
		}
		if m[1] == string(s) && s != e.surface {
			return fmt.Sprintf("%s is not available in a policy of surface %s", s, e.surface)
		}
	}
	return ""
}

// suggestField looks for the field that was meant among all fields, and for the variable among all variables.
func (e *Env) suggestField(message string) string {
	var known []string
	word := ""
	if m := undefinedField.FindStringSubmatch(message); m != nil {
		word = m[1]
		for _, t := range e.objectTypes() {
			for _, f := range t.fields {
				known = append(known, f.name)
			}
		}
	} else if m := undeclared.FindStringSubmatch(message); m != nil {
		word, known = m[1], slices.DeleteFunc([]string{"identity", "request", "variables", string(e.surface)}, func(s string) bool { return s == "" })
	}
	if hint := manifest.Suggest(word, known); word != "" && strings.HasPrefix(hint, "did you mean") {
		return hint
	}
	return ""
}
