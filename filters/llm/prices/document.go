package prices

import (
	_ "embed"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"bartizan/filters/manifest"
)

// Model is the YAML of a price: dollars for a million tokens, and for a thousand requests of a server tool.
type Model struct {
	Position       manifest.Position          `yaml:"-"`
	Model          manifest.String            `yaml:"model"`
	Input          manifest.String            `yaml:"input"`
	Output         manifest.String            `yaml:"output"`
	CacheRead      manifest.String            `yaml:"cacheRead"`
	CacheWrite     manifest.String            `yaml:"cacheWrite"`     // kept for minutes
	CacheWriteHour manifest.String            `yaml:"cacheWriteHour"` // kept for an hour
	Reasoning      manifest.String            `yaml:"reasoning"`      // absent: as output
	WebSearch      manifest.String            `yaml:"webSearch"`      // for a thousand
	WebFetch       manifest.String            `yaml:"webFetch"`       // for a thousand
	Long           *LongModel                 `yaml:"long"`
	Terms          map[string]manifest.String `yaml:"terms"` // percent of the price
	From           manifest.String            `yaml:"from"`
	Until          manifest.String            `yaml:"until"`
}

// LongModel is the YAML of the tariff of long requests. Without percents nothing is known of it but where it begins.
type LongModel struct {
	Position manifest.Position `yaml:"-"`
	Above    manifest.String   `yaml:"above"`  // tokens of input
	Input    manifest.String   `yaml:"input"`  // percent, of caches too
	Output   manifest.String   `yaml:"output"` // percent
}

// Read checks models and makes a table of them, with the source and the date of all. Every mistake is reported.
func Read(models []Model, source, date manifest.String) (Table, manifest.Errors) {
	r := reader{source: source.Value, date: date.Value}
	r.day(date)
	if len(source.Value) > 256 || strings.ContainsAny(source.Value, "\r\n") {
		r.errs = append(r.errs, source.Errorf("", "longer than one line of 256 characters"))
	}
	var t Table
	for _, m := range models {
		t = append(t, r.price(m))
	}
	return t, r.errs
}

type reader struct {
	source, date string
	errs         manifest.Errors
}

func (r *reader) price(m Model) Price {
	for field, s := range map[string]manifest.String{"model": m.Model, "input": m.Input, "output": m.Output} {
		if s.Value == "" {
			r.errs = append(r.errs, &manifest.Error{Position: m.Position, Message: "missing field", Text: field})
		}
	}
	if star := strings.IndexByte(m.Model.Value, '*'); star >= 0 && star < len(m.Model.Value)-1 {
		r.errs = append(r.errs, m.Model.Errorf("as in claude-opus-*", "* stands at the end of a name only"))
	}
	p := Price{
		Model: m.Model.Value, CacheRead: r.amount(m.CacheRead), CacheWrite: r.amount(m.CacheWrite), CacheHour: r.amount(m.CacheWriteHour),
		Reasoning: r.amount(m.Reasoning), WebSearch: r.amount(m.WebSearch), WebFetch: r.amount(m.WebFetch),
		From: r.day(m.From), Until: r.day(m.Until), Source: r.source, Date: r.date,
	}
	if in, out := r.amount(m.Input), r.amount(m.Output); in != nil && out != nil {
		p.Input, p.Output = *in, *out
	}
	if m.Long != nil {
		p.Long = Long{Above: r.whole(m.Long.Above, 1<<30), Input: r.whole(m.Long.Input, maxPercent), Output: r.whole(m.Long.Output, maxPercent)}
		if p.Long.Above == 0 {
			r.errs = append(r.errs, &manifest.Error{Position: m.Long.Position, Message: "missing field", Text: "above"})
		}
	}
	for term, percent := range m.Terms {
		if p.Terms == nil {
			p.Terms = map[string]int64{}
		}
		p.Terms[term] = r.whole(percent, maxPercent)
	}
	return p
}

// maxPercent bounds a factor: ten times the price.
const maxPercent = 1000

// money is dollars, exact to a millionth.
var money = regexp.MustCompile(`^\d{1,4}(\.\d{1,6})?$`)

// amount reads dollars as micro-USD; nil where there is none.
func (r *reader) amount(s manifest.String) *int64 {
	if s.Value == "" {
		return nil
	}
	if !money.MatchString(s.Value) {
		r.errs = append(r.errs, s.Errorf("as in 2.50", "want dollars, from 0 to 9999.999999"))
		return nil
	}
	dollars, fraction, _ := strings.Cut(s.Value, ".")
	n, _ := strconv.ParseInt(dollars+(fraction + "000000")[:6], 10, 64) // ten digits at most
	return &n
}

func (r *reader) whole(s manifest.String, high int64) int64 {
	if s.Value == "" {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSuffix(s.Value, "%"), 10, 64)
	if err != nil || n < 1 || n > high {
		r.errs = append(r.errs, s.Errorf("", "want a whole number from 1 to %d", high))
		return 0
	}
	return n
}

func (r *reader) day(s manifest.String) string {
	if _, err := time.Parse(time.DateOnly, s.Value); s.Value != "" && err != nil {
		r.errs = append(r.errs, s.Errorf("as in 2026-11-24", "not a day"))
	}
	return s.Value
}

//go:embed public.yaml
var public []byte

// publicSpec is the YAML of one public table.
type publicSpec struct {
	Position manifest.Position `yaml:"-"`
	Source   manifest.String   `yaml:"source"`
	Date     manifest.String   `yaml:"date"`
	Hosts    []string          `yaml:"hosts"`
	Models   []Model           `yaml:"models"`
}

// Public is the public prices by the names of their tables.
func Public() (map[string]Table, error) {
	tables := map[string]Table{}
	err := eachPublic(func(name string, spec publicSpec) manifest.Errors {
		t, errs := Read(spec.Models, spec.Source, spec.Date)
		tables[name] = t
		return errs
	})
	return tables, err
}

// Names lists the public tables, sorted.
func Names() (names []string) {
	_ = eachPublic(func(table string, _ publicSpec) manifest.Errors { // its error is Public's
		names = append(names, table)
		return nil
	})
	slices.Sort(names)
	return names
}

// TableOf names the public table of those who serve at a host; empty: nobody's prices are known to hold there.
func TableOf(host string) (name string) {
	_ = eachPublic(func(table string, spec publicSpec) manifest.Errors { // its error is Public's
		if slices.Contains(spec.Hosts, host) {
			name = table
		}
		return nil
	})
	return name
}

func eachPublic(f func(name string, spec publicSpec) manifest.Errors) error {
	docs, errs := manifest.Parse("public.yaml", public)
	for _, doc := range docs {
		var spec publicSpec
		errs = append(errs, doc.Decode(&spec)...)
		errs = append(errs, f(doc.Name, spec)...)
	}
	return errs.Err()
}
