package resource

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"bartizan/filters"
	"bartizan/filters/llm/internal/request"
	"bartizan/filters/redact"
	"bartizan/filters/strictjson"
)

// Operations about the models that a provider has.
const (
	modelsList     = "models.list"
	modelsRetrieve = "models.retrieve"
)

// named is the model that the path of models.retrieve names, in its last segment.
func named(path string) (string, error) {
	name, err := url.PathUnescape(path[strings.LastIndexByte(path, '/')+1:])
	if err != nil {
		return "", malformed("", "the path names no model")
	}
	return name, nil
}

// narrowed is a list of models with those that its caller may use. Every other byte of it stays.
func narrowed(x *filters.Exchange, body []byte, admits func(model string) bool) ([]byte, error) {
	l := listing{Decoder: strictjson.New(body), admits: admits}
	l.read()
	if err := l.End(); err != nil {
		return nil, unjudged(err.Error())
	}
	x.Response.Offered, x.Response.Shown = l.offered, l.shown
	if l.shown < l.offered && !l.more {
		l.turn(l.firstAt, l.first)
		l.turn(l.lastAt, l.last)
	}
	slices.SortFunc(l.edits, func(a, b filters.Edit) int { return cmp.Compare(a.Start, b.Start) })
	return redact.Apply(body, l.edits), nil
}

// listing is a list of models as it is read: the lists at its top are lists of models.
type listing struct {
	*strictjson.Decoder
	admits func(model string) bool

	offered, shown int
	first, last    string // of those that are shown
	edits          []filters.Edit

	more             bool         // there is a further page
	firstAt, lastAt  filters.Span // where the answer says which model is its first, and its last; zero: it does not
	lists, something bool         // there is a list; there is something in which one may lie deeper
}

func (l *listing) read() {
	if l.Kind() == '[' {
		l.list()
		return
	}
	for name := range l.Object() {
		switch kind := l.Kind(); {
		case kind == '[':
			l.list()
		case string(name) == "has_more":
			l.more = kind == 't'
			l.Skip()
		case string(name) == "first_id" && kind == '"':
			l.firstAt = l.skipped()
		case string(name) == "last_id" && kind == '"':
			l.lastAt = l.skipped()
		default:
			l.something = l.something || kind == '{'
			l.Skip()
		}
	}
	if l.something && !l.lists {
		l.Fail("want a list of models")
	}
}

func (l *listing) skipped() filters.Span {
	l.Skip()
	start, end := l.Range()
	return filters.Span{Start: start, End: end}
}

// list reads a list. What does not say which model it is, is not shown.
func (l *listing) list() {
	l.lists = true
	var at []filters.Span
	var drop []bool
	for range l.Array() {
		if len(at) >= request.MaxItems {
			l.Fail("more than " + strconv.Itoa(request.MaxItems) + " models")
		}
		mark := l.Mark()
		model := l.model()
		if l.Err() != nil {
			return
		}
		start, end := l.RangeSince(mark)
		shown := model != "" && l.admits(model)
		at, drop = append(at, filters.Span{Start: start, End: end}), append(drop, !shown)
		l.offered++
		if shown {
			l.shown++
			l.first, l.last = cmp.Or(l.first, model), model
		}
	}
	l.edits = append(l.edits, redact.Remove(at, drop)...)
}

// model reads an element and returns the name by which requests ask for it: its id, or as Gemini has it a resource's name.
func (l *listing) model() string {
	switch l.Kind() {
	case '"':
		return l.String()
	case '{':
	default:
		l.Skip()
		return ""
	}
	var id, name string
	for member := range l.Object() {
		switch string(member) {
		case "id":
			id = string(l.MaybeText())
		case "name":
			name = string(l.MaybeText())
		default:
			l.Skip()
		}
	}
	return cmp.Or(id, strings.TrimPrefix(name, "models/"))
}

// turn says of the page which are its first and its last model now. Where another page follows, they stay the provider's: clients ask for that page
// by them, and behind the last that is shown would come again what is not.
func (l *listing) turn(at filters.Span, model string) {
	if at == (filters.Span{}) {
		return
	}
	with := []byte("null")
	if model != "" {
		with, _ = jsontext.AppendQuote(nil, model) // it was read from JSON
	}
	l.edits = append(l.edits, filters.Edit{Start: at.Start, End: at.End, With: with})
}
