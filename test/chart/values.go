package chart

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"go.yaml.in/yaml/v4"
)

// value is one key of values.yaml.
type value struct {
	path    string // as --set writes it
	meaning string
	node    *yaml.Node
	schema  map[string]any // what the lines "# @" say
	keys    []value        // of a map whose keys the chart knows
}

// readValues reads values.yaml with the comments that stand above its keys.
func readValues(raw []byte) ([]value, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		return nil, err
	}
	return readKeys(doc.Content[0], "")
}

func readKeys(m *yaml.Node, prefix string) ([]value, error) {
	var values []value
	for i := 0; i < len(m.Content); i += 2 {
		v, err := readKey(m.Content[i], m.Content[i+1], prefix)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, nil
}

func readKey(key, node *yaml.Node, prefix string) (value, error) {
	v := value{path: prefix + key.Value, node: node, schema: map[string]any{}}
	var meaning []string
	for line := range strings.Lines(lastParagraph(key.HeadComment)) {
		text := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "#"))
		if fragment, ok := strings.CutPrefix(text, "@ "); !ok {
			meaning = append(meaning, text)
		} else if err := yaml.Unmarshal([]byte(fragment), &v.schema); err != nil {
			return v, fmt.Errorf("line %d: read %q: %w", key.Line, fragment, err)
		}
	}
	v.meaning = strings.Join(meaning, " ")
	var err error
	if node.Kind == yaml.MappingNode && len(node.Content) > 0 && !v.free() {
		v.keys, err = readKeys(node, v.path+".")
	}
	if v.meaning == "" && v.keys == nil {
		return v, fmt.Errorf("line %d: nothing says what %s means", key.Line, v.path)
	}
	return v, err
}

// lastParagraph is the part of a comment that stands right above its key.
func lastParagraph(comment string) string {
	return comment[strings.LastIndex(comment, "\n\n")+1:]
}

// free says that the chart passes a map on as it is.
func (v *value) free() bool {
	return v.schema["object"] == "free" || v.schema["additionalProperties"] != nil
}

// schemaOf returns the JSON Schema of keys: a key that is not among them is refused.
func schemaOf(keys []value) map[string]any {
	properties := map[string]any{}
	for i := range keys {
		v := &keys[i]
		properties[v.path[strings.LastIndex(v.path, ".")+1:]] = v.property()
	}
	return map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
}

func (v *value) property() map[string]any {
	p := map[string]any{"type": typeOf(v.node)}
	if v.keys != nil {
		p = schemaOf(v.keys)
	}
	maps.Copy(p, v.schema)
	delete(p, "object")
	if v.meaning != "" {
		p["description"] = v.meaning
	}
	return p
}

func typeOf(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "object"
	case n.Kind == yaml.SequenceNode:
		return "array"
	case n.Tag == "!!int":
		return "integer"
	case n.Tag == "!!bool":
		return "boolean"
	}
	return "string"
}

// Schema is values.schema.json for the values.yaml in raw.
func Schema(raw []byte) ([]byte, error) {
	keys, err := readValues(raw)
	if err != nil {
		return nil, err
	}
	s := schemaOf(keys)
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = "Values of the chart bartizan; written from values.yaml"
	// What Helm adds: values for charts around this one.
	s["properties"].(map[string]any)["global"] = map[string]any{"type": "object"}
	out, err := json.MarshalIndent(s, "", "  ")
	return append(out, '\n'), err
}

// Table is the table of values for README.md.
func Table(raw []byte) (string, error) {
	keys, err := readValues(raw)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("| value | default | meaning |\n|---|---|---|\n")
	writeRows(&b, keys)
	return b.String(), nil
}

func writeRows(b *strings.Builder, keys []value) {
	for i := range keys {
		v := &keys[i]
		if v.keys == nil {
			fmt.Fprintf(b, "| `%s` | `%s` | %s |\n", v.path, flow(v.node), strings.ReplaceAll(v.meaning, "|", `\|`))
			continue
		}
		if v.meaning != "" {
			fmt.Fprintf(b, "| **`%s`** | | %s |\n", v.path, v.meaning)
		}
		writeRows(b, v.keys)
	}
}

// flow is a default on one line.
func flow(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		var parts []string
		for i := 0; i < len(n.Content); i += 2 {
			parts = append(parts, n.Content[i].Value+": "+flow(n.Content[i+1]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case yaml.SequenceNode:
		var parts []string
		for _, item := range n.Content {
			parts = append(parts, flow(item))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	if n.Value == "" {
		return `""`
	}
	return n.Value
}
