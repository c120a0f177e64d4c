package filters

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestListsAreComplete: a constant that a list leaves out would be a word that no rule may name.
func TestListsAreComplete(t *testing.T) {
	var origins []string
	for _, o := range Origins() {
		origins = append(origins, string(o))
	}
	for prefix, list := range map[string][]string{
		"Origin": origins, "Declares": DeclarationKinds(), "IdentityBy": IdentityMethods(), "Cause": CauseMatches(), "Message": MessageKinds(),
	} {
		want := constants(t, prefix)
		slices.Sort(list)
		if !slices.Equal(want, list) || len(want) < 2 {
			t.Errorf("the constants %s… are %q, the list is %q", prefix, want, list)
		}
	}
}

// constants are the values of the constants in exchange.go whose names begin like this, sorted.
func constants(t *testing.T, prefix string) (values []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "exchange.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(spec.Names[0].Name, prefix) {
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, value)
		}
		return true
	})
	slices.Sort(values)
	return values
}
