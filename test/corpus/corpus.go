// Package corpus reads files of head lines, a blank line and a body, such as the requests of test/corpus/mcp. Its README says what stands
// in them.
package corpus

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

// File is one of them.
type File struct {
	Name string // without folder and extension
	Head []string
	Body []byte
}

// Read reads a file.
func Read(path string) (File, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return File{}, err
	}
	head, body, ok := strings.Cut(string(raw), "\n\n")
	if !ok {
		return File{}, fmt.Errorf("%s: no blank line", path)
	}
	f := File{Name: strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)), Head: strings.Split(head, "\n")}
	if f.Body, err = expand(body); err != nil {
		return File{}, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// expand writes out what cannot stand in a file as it is: <% repeat "[" 70 %>, <% "\xff" %>.
func expand(body string) ([]byte, error) {
	tmpl, err := template.New("").Delims("<%", "%>").Funcs(template.FuncMap{"repeat": strings.Repeat}).Parse(body)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = tmpl.Execute(&b, nil)
	return b.Bytes(), err
}

// Request reads the head of a request: its method, its path and its headers.
func (f File) Request() (method, path string, headers map[string]string) {
	method, path, _ = strings.Cut(f.Head[0], " ")
	headers = map[string]string{}
	for _, line := range f.Head[1:] {
		name, value, _ := strings.Cut(line, ": ")
		headers[name] = value
	}
	return method, path, headers
}
