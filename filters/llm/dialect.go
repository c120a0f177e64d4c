// Package llm names the dialects of model APIs that Bartizan understands, and brings their codecs together.
//
// It promises that the control server, which writes routes, and the inspection service, which judges bodies, know the same
// dialects and operations: what is not listed here has no route. It reads no bodies itself; the packages below it do, one per
// dialect. Everything is a value built on demand: there is no state, no failure, and use is safe from anywhere.
package llm

import (
	"regexp"
	"slices"

	"bartizan/filters"
	"bartizan/filters/llm/anthropic"
	"bartizan/filters/llm/bedrock"
	"bartizan/filters/llm/gemini"
	"bartizan/filters/llm/internal/resource"
	"bartizan/filters/llm/openai"
)

// Dialect is the wire format of a model API.
type Dialect struct {
	Name             string
	Codec            filters.Codec
	Operations       []Operation
	CredentialHeader string         // the header, in lower case, that carries the provider's key
	CredentialPrefix string         // what stands before the key in it
	Subscription     *regexp.Regexp // the form of the token with which a person's own login goes to the provider, never that of a key; nil: there is none
	Onward           []string       // headers of answers, in lower case, that name the address at which the client goes on with an operation
}

// Operation is one call of a dialect that can be judged.
type Operation struct {
	Name   string // as Route.Operation; groups of them begin with the same words, such as files.
	Method string // the HTTP method
	Path   string // below the provider's base URL; it may have variables: {model}, one segment; {+model}, one that may hold slashes written as %2F; {v1|v1beta}, one of these words
}

// Lookup returns the dialect of that name.
func Lookup(name string) (Dialect, bool) {
	for _, d := range dialects() {
		if d.Name == name {
			return d, true
		}
	}
	return Dialect{}, false
}

// Operations returns the names of all operations of all dialects, sorted, each once.
func Operations() []string {
	var names []string
	for _, d := range dialects() {
		for _, o := range d.Operations {
			names = append(names, o.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Codec returns the codec of the dialect of that name.
func Codec(dialect string) (filters.Codec, bool) {
	d, ok := Lookup(dialect)
	return d.Codec, ok
}

// Models decides what a list of models shows.
type Models = resource.Models

// Showing returns the codec with lists of models that show what models admits.
func Showing(codec filters.Codec, models Models) filters.Codec {
	c, lists := codec.(resource.Codec)
	if !lists {
		return codec
	}
	c.Models = models
	return c
}

// Dialects returns all names, sorted.
func Dialects() []string {
	var names []string
	for _, d := range dialects() {
		names = append(names, d.Name)
	}
	slices.Sort(names)
	return names
}

// Operation returns the operation of that name.
func (d Dialect) Operation(name string) (Operation, bool) {
	for _, o := range d.Operations {
		if o.Name == name {
			return o, true
		}
	}
	return Operation{}, false
}

func dialects() []Dialect {
	return []Dialect{
		{
			Name: "anthropic", Codec: resource.Codec{Codec: anthropic.Codec{}}, CredentialHeader: "x-api-key",
			Subscription: regexp.MustCompile(`^sk-ant-oat[0-9]{2}-[A-Za-z0-9_-]{16,512}$`), // as Claude Code sends after a login with claude.ai
			Operations:   anthropicOperations(),
		},
		{
			Name: "bedrock", Codec: bedrock.Codec{}, CredentialHeader: "authorization", CredentialPrefix: "Bearer ",
			Operations: bedrockOperations(),
		},
		{ //nolint:gosec // G101: names of headers
			Name: "gemini", Codec: resource.Codec{Codec: gemini.Codec{}}, CredentialHeader: "x-goog-api-key", Operations: geminiOperations(),
			Onward: []string{"x-goog-upload-url", "x-goog-upload-control-url"},
		},
		{
			Name: "openai", Codec: resource.Codec{Codec: openai.Codec{}}, CredentialHeader: "authorization", CredentialPrefix: "Bearer ",
			Operations: openAIOperations(),
		},
	}
}
