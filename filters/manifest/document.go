package manifest

import (
	"bytes"
	"errors"
	"io"
	"regexp"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"
)

// APIVersion is the only apiVersion of documents.
const APIVersion = "bartizan/v1"

// Limits on one file. A policy repository is written by people: these are far above what they write.
const (
	MaxFileBytes = 1 << 20 // bytes of one file
	MaxDepth     = 32      // nested mappings and sequences
	MaxErrors    = 100     // errors reported about one file
)

// Document is one YAML document of a file: apiVersion, kind, metadata and a spec that is not decoded yet.
type Document struct {
	Kind, Name string
	Labels     map[string]string // metadata.labels; nil where there are none
	Position                     // of its first key

	kind, name String
	spec       *yaml.Node // nil where there is none
	source     *source
}

// KindText is the kind with its place.
func (d *Document) KindText() String { return d.kind }

// NameText is metadata.name with its place.
func (d *Document) NameText() String { return d.name }

// Parse reads every document of a file. Documents with errors are left out of the first result; an empty document is none at all.
func Parse(file string, data []byte) ([]*Document, Errors) {
	src, err := newSource(file, data)
	if err != nil {
		return nil, Errors{err}
	}
	loader, lerr := yaml.NewLoader(bytes.NewReader(data), yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(MaxDepth))))
	if lerr != nil {
		return nil, Errors{src.loadError(lerr)}
	}
	p := parser{source: src}
	for len(p.errs) < MaxErrors {
		var root yaml.Node
		if lerr := loader.Load(&root); errors.Is(lerr, io.EOF) {
			break
		} else if lerr != nil {
			p.errs = append(p.errs, src.loadError(lerr))
			break
		}
		p.document(&root)
	}
	p.errs.Sort()
	return p.docs, p.errs[:min(len(p.errs), MaxErrors)]
}

type parser struct {
	*source
	docs []*Document
	errs Errors
}

func (p *parser) document(root *yaml.Node) {
	if root.Kind != yaml.DocumentNode || len(root.Content) != 1 {
		return
	}
	top := root.Content[0]
	if top.Kind == yaml.ScalarNode && top.Tag == nullTag {
		return // "---" with nothing after it
	}
	errs := checkTree(p.source, top)
	if len(errs) == 0 {
		var doc *Document
		if doc, errs = p.header(top); len(errs) == 0 {
			p.docs = append(p.docs, doc)
		}
	}
	p.errs = append(p.errs, errs...)
}

// header is what every document begins with.
type header struct {
	APIVersion String    `yaml:"apiVersion"`
	Kind       String    `yaml:"kind"`
	Metadata   *metadata `yaml:"metadata"`
	Spec       *rawSpec  `yaml:"spec"`
}

type metadata struct {
	Name   String            `yaml:"name"`
	Labels map[string]string `yaml:"labels"`
}

// rawSpec keeps the node of a spec for later.
type rawSpec struct{ node *yaml.Node }

func (p *parser) header(top *yaml.Node) (*Document, Errors) {
	var h header
	at := p.position(top)
	d := decoder{source: p.source}
	d.value(top, &h)
	if len(d.errs) == 0 {
		d.errs = h.check(at)
	}
	if len(d.errs) > 0 {
		return nil, d.errs
	}
	doc := &Document{Kind: h.Kind.Value, Name: h.Metadata.Name.Value, Labels: h.Metadata.Labels, Position: at, kind: h.Kind, name: h.Metadata.Name, source: p.source}
	if h.Spec != nil {
		doc.spec = h.Spec.node
	}
	return doc, nil
}

func (h *header) check(at Position) Errors {
	var errs Errors
	missing := func(field string) { errs = append(errs, &Error{Position: at, Message: "missing field", Text: field}) }
	switch h.APIVersion.Value {
	case APIVersion:
	case "":
		missing("apiVersion")
	default:
		errs = append(errs, h.APIVersion.Errorf("write "+APIVersion, "unknown apiVersion"))
	}
	if h.Kind.Value == "" {
		missing("kind")
	}
	switch {
	case h.Metadata == nil || h.Metadata.Name.Value == "":
		missing("metadata.name")
	default:
		if err := h.Metadata.Name.CheckLabel(); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// dns1123 is a label of RFC 1123 as Kubernetes names objects with: lower case, digits and hyphens.
var dns1123 = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)

// CheckLabel says whether s is a DNS label (RFC 1123, at most 63 characters), the form of every name in a policy repository.
func (s String) CheckLabel() *Error {
	if len(s.Value) > 63 || !dns1123.MatchString(s.Value) {
		return s.Errorf("lower-case letters, digits and '-', at most 63, as in team-finance", "not a valid name")
	}
	return nil
}
