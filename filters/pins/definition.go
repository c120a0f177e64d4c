package pins

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"bartizan/filters/mcp"
	"bartizan/filters/strictjson"
)

// Digest is the SHA-256 of a definition's canonical JSON.
type Digest [sha256.Size]byte

func (d Digest) String() string { return fmt.Sprintf("%x", d[:]) }

// Definition is what is compared of a definition.
type Definition struct {
	Name   string // of a resource its URI, of a template its URI template
	Digest Digest
}

// instructions is the name of the one item of its kind.
const instructions = "instructions"

// members are those of a definition that a model may get to read, in the order of canonical JSON; the first of names is its name.
var members = map[mcp.ItemKind]struct {
	name string
	kept []string
}{
	mcp.ItemTool:             {"name", []string{"annotations", "description", "inputSchema", "name", "outputSchema", "title"}},
	mcp.ItemPrompt:           {"name", []string{"arguments", "description", "name", "title"}},
	mcp.ItemResource:         {"uri", []string{"description", "mimeType", "name", "title", "uri"}},
	mcp.ItemResourceTemplate: {"uriTemplate", []string{"description", "mimeType", "name", "title", "uriTemplate"}},
}

// Read reads a definition as a server lists it; of instructions, the JSON string. An error quotes member names and no values.
func Read(kind mcp.ItemKind, raw []byte) (Definition, error) {
	if kind == mcp.ItemInstructions {
		canonical, err := canonicalize(raw)
		if err != nil || canonical[0] != '"' {
			return Definition{}, errors.New("the instructions are no JSON string")
		}
		return Definition{Name: instructions, Digest: sha256.Sum256(canonical)}, nil
	}
	known, ok := members[kind]
	if !ok {
		return Definition{}, fmt.Errorf("a %s has no definition", kind)
	}
	values, err := read(raw, known.kept)
	if err != nil {
		return Definition{}, err
	}
	d := Definition{}
	if name, ok := values[known.name]; ok {
		d.Name, err = unquote(name)
	}
	if err != nil || d.Name == "" {
		return Definition{}, fmt.Errorf("the definition has no %s", known.name)
	}
	d.Digest, err = digest(values, known.kept)
	return d, err
}

// read returns the raw values of the members kept.
func read(raw []byte, kept []string) (map[string][]byte, error) {
	d := strictjson.New(raw)
	if d.Kind() != '{' {
		return nil, errors.New("the definition is no JSON object")
	}
	values := make(map[string][]byte, len(kept))
	var twin string
	for name := range d.Object() {
		n := string(name)
		value := d.Value()
		if slices.Contains(kept, n) {
			values[n] = value
		} else if i := slices.IndexFunc(kept, func(k string) bool { return strings.EqualFold(k, n) }); i >= 0 {
			twin = kept[i]
		}
	}
	if err := d.End(); err != nil {
		return nil, fmt.Errorf("read the definition: %w", err)
	}
	if twin != "" {
		return nil, fmt.Errorf("a member of the definition differs from %s only in case", twin)
	}
	return values, nil
}

func digest(values map[string][]byte, kept []string) (Digest, error) {
	var b bytes.Buffer
	for _, name := range kept {
		value, ok := values[name]
		if !ok {
			continue
		}
		canonical, err := canonicalize(value)
		if err != nil {
			return Digest{}, fmt.Errorf("read %s of the definition: %w", name, err)
		}
		b.WriteString(map[bool]string{true: `{"`, false: `,"`}[b.Len() == 0] + name + `":`)
		b.Write(canonical)
	}
	b.WriteByte('}')
	return sha256.Sum256(b.Bytes()), nil
}

func canonicalize(raw []byte) ([]byte, error) {
	v := jsontext.Value(bytes.Clone(raw))
	if err := v.Canonicalize(); err != nil {
		return nil, errors.New("no canonical JSON")
	}
	return bytes.TrimSpace(v), nil
}

func unquote(raw []byte) (string, error) {
	text, err := jsontext.AppendUnquote(nil, raw)
	if err != nil {
		return "", errors.New("not a string")
	}
	return string(text), nil
}
