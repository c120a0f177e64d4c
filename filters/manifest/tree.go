package manifest

import (
	"fmt"

	"go.yaml.in/yaml/v4"
)

const (
	nullTag  = "!!null"
	boolTag  = "!!bool"
	intTag   = "!!int"
	floatTag = "!!float"
	strTag   = "!!str"
	mergeTag = "!!merge"
)

// checkTree refuses what makes YAML mean more than it shows: aliases (one node in several places), merge keys, tags, keys that
// are no strings, and keys that stand twice.
func checkTree(s *source, n *yaml.Node) Errors {
	c := checker{source: s}
	c.node(n, 1)
	return c.errs
}

type checker struct {
	*source
	errs Errors
}

func (c *checker) report(n *yaml.Node, hint, message string) {
	if len(c.errs) < MaxErrors {
		c.errs = append(c.errs, c.errorf(n, hint, "%s", message))
	}
}

func (c *checker) node(n *yaml.Node, depth int) {
	switch {
	case depth > MaxDepth:
		c.report(n, "", fmt.Sprintf("nested deeper than %d", MaxDepth))
		return
	case n.Kind == yaml.AliasNode:
		c.report(n, "write the value out", "aliases are not allowed")
		return
	case n.Anchor != "":
		c.report(n, "write the value where it is used", fmt.Sprintf("anchors are not allowed: &%s", n.Anchor))
	case n.Style&yaml.TaggedStyle != 0:
		c.report(n, "put text in quotes instead", fmt.Sprintf("tags are not allowed: %s", n.Tag))
	}
	if n.Kind == yaml.MappingNode {
		c.keys(n)
	}
	for _, child := range n.Content {
		c.node(child, depth+1)
	}
}

func (c *checker) keys(n *yaml.Node) {
	seen := make(map[string]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		switch first, twice := seen[key.Value]; {
		case key.Kind == yaml.AliasNode: // reported as an alias
		case key.Tag == mergeTag:
			c.report(key, "write the fields out", "merge keys are not allowed")
		case key.Kind != yaml.ScalarNode || key.Tag != strTag:
			c.report(key, "put it in quotes", "a key must be text")
		case twice:
			c.report(key, fmt.Sprintf("first on line %d", first), "duplicate key")
		default:
			seen[key.Value] = key.Line
		}
	}
}
