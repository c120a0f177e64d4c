package pins

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"bartizan/filters/manifest"
	"bartizan/filters/mcp"
)

// maxExcerpt bounds the excerpt of one definition, in bytes: enough to review it, and for 1,000 tools in one file.
const maxExcerpt = 4000

// listNames are the fields of a document.
func listName(kind mcp.ItemKind) string {
	return map[mcp.ItemKind]string{
		mcp.ItemInstructions: "instructions", mcp.ItemTool: "tools", mcp.ItemPrompt: "prompts",
		mcp.ItemResourceTemplate: "resourceTemplates", mcp.ItemResource: "resources",
	}[kind]
}

// Render writes the document of a set. Equal sets give equal bytes.
func Render(s *Set) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# What the model reads of the MCP server %s, as it was approved. Written by `bartizan pin %[1]s`.\n", s.Server.Value)
	fmt.Fprintf(&b, "apiVersion: %s\nkind: %s\nmetadata: { name: %s }\nspec:\n  server: %s\n", manifest.APIVersion, Kind, s.Name, s.Server.Value)
	for _, kind := range s.Kinds() {
		names := s.Names(kind)
		if len(names) == 0 {
			fmt.Fprintf(&b, "  %s: []\n", listName(kind))
			continue
		}
		fmt.Fprintf(&b, "  %s:\n", listName(kind))
		for _, name := range names {
			pin := s.Items[kind][name]
			fmt.Fprintf(&b, "    - name: %s\n      sha256: %q\n", quote(name), pin.Digest)
			if pin.Excerpt != "" {
				fmt.Fprintf(&b, "      excerpt: |-\n        %s\n", strings.ReplaceAll(pin.Excerpt, "\n", "\n        "))
			}
		}
	}
	return []byte(b.String())
}

// quote writes a name that YAML reads as JSON does.
func quote(s string) string {
	raw, err := jsontext.AppendQuote(nil, s)
	if err != nil {
		return fmt.Sprintf("%q", strings.ToValidUTF8(s, "\uFFFD"))
	}
	return string(raw)
}

// definition is what an excerpt shows.
type definition struct {
	Title       string         `json:"title"`
	Description string         `json:"description"`
	MIMEType    string         `json:"mimeType"`
	Arguments   []argument     `json:"arguments"`
	Input       jsontext.Value `json:"inputSchema"`
	Output      jsontext.Value `json:"outputSchema"`
	Annotations jsontext.Value `json:"annotations"`
}

type argument struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Required    bool   `json:"required"`
}

// Excerpt shows a definition to a person: characters that an editor hides are written out.
func Excerpt(kind mcp.ItemKind, raw []byte) string {
	if kind == mcp.ItemInstructions {
		text, _ := unquote(raw)
		return tidy(text)
	}
	var d definition
	if err := json.Unmarshal(raw, &d); err != nil {
		return ""
	}
	var parts []string
	add := func(label, text string) {
		if text != "" {
			parts = append(parts, label+text)
		}
	}
	add("title: ", d.Title)
	add("", d.Description)
	add("mimeType: ", d.MIMEType)
	for _, a := range d.Arguments {
		add("argument ", fmt.Sprintf("%s (required: %t): %s", a.Name, a.Required, a.Description))
	}
	add("input: ", compact(d.Input))
	add("output: ", compact(d.Output))
	add("annotations: ", compact(d.Annotations))
	return tidy(strings.Join(parts, "\n"))
}

// compact writes JSON on lines of their own for the properties of a schema, so that a diff shows the one that changed.
func compact(v jsontext.Value) string {
	if len(v) == 0 || string(v) == "null" {
		return ""
	}
	if err := v.Indent(jsontext.WithIndent("  ")); err != nil {
		return ""
	}
	return string(v)
}

// tidy makes text fit for a literal block: no hidden characters, no blanks at the ends of lines, not too long.
func tidy(text string) string {
	var b strings.Builder
	for _, line := range strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		if b.Len() > maxExcerpt {
			b.WriteString("\n…")
			break
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(strings.TrimRight(visible(line), " "))
	}
	out := strings.Trim(b.String(), "\n")
	if strings.HasPrefix(out, " ") {
		out = strings.TrimLeft(out, " ")
	}
	return out
}

// visible writes out what has no shape, and shortens a line that goes on forever.
func visible(line string) string {
	var b strings.Builder
	for _, r := range line {
		switch {
		case b.Len() > maxExcerpt:
			b.WriteString("…")
			return b.String()
		case r == '\t':
			b.WriteString("  ")
		case r == ' ' || unicode.IsGraphic(r) && !unicode.IsSpace(r) && !unicode.Is(unicode.Variation_Selector, r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, `\u{%X}`, r)
		}
	}
	return b.String()
}
