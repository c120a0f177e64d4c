package resource_test

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/textproto"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bartizan/filters"
	"bartizan/filters/llm/anthropic"
	"bartizan/filters/llm/internal/resource"
	"bartizan/filters/llm/openai"
	"bartizan/filters/redact"
)

const formType = "multipart/form-data; boundary=xYzZY"

func exchange(operation, contentType string) *filters.Exchange {
	return &filters.Exchange{
		Route:   filters.Route{Surface: filters.SurfaceLLM, Target: "test", Dialect: "test", Operation: operation},
		Request: filters.Request{Headers: map[string]string{"content-type": contentType}},
	}
}

// summary is what a decoder found: the models, the declarations, and a line for each block.
func summary(x *filters.Exchange) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s %v\n", x.LLM.Model, x.LLM.Models)
	for _, d := range x.LLM.Declarations {
		fmt.Fprintf(&out, "%s %s at %s\n", d.Kind, d.Name, d.Pointer)
	}
	for _, b := range x.Blocks {
		fmt.Fprintf(&out, "%s %s %q %s: %s\n", b.Pointer, b.Origin, b.Name, b.MediaType, b.Data.Bytes())
	}
	return out.String()
}

// inPlace checks that each block stands in the body where it says.
func inPlace(t testing.TB, body []byte, blocks []filters.Block) {
	t.Helper()
	for _, b := range blocks {
		if b.Start < 0 || b.End < b.Start || b.End > len(body) {
			t.Fatalf("%s: bytes %d to %d", b.Pointer, b.Start, b.End)
		}
		here := &filters.Block{MediaType: b.MediaType, Data: b.Data, Start: b.Start, End: b.End}
		if b.Raw || b.MediaType == "application/json" {
			if !bytes.Equal(body[b.Start:b.End], b.Data.Bytes()) {
				t.Errorf("%s: %q, and in the body %q", b.Pointer, b.Data.Bytes(), body[b.Start:b.End])
			}
		} else if !redact.IsText(body, here) {
			t.Errorf("%s: %q, and in the body %q", b.Pointer, b.Data.Bytes(), body[b.Start:b.End])
		}
	}
}

// form writes a body as clients do: an entry name=value is a field, name=file:type:content a file.
func form(t testing.TB, entries ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	if err := w.SetBoundary("xYzZY"); err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name, value, _ := strings.Cut(e, "=")
		h := textproto.MIMEHeader{"Content-Disposition": {fmt.Sprintf("form-data; name=%q", name)}}
		if parts := strings.SplitN(value, ":", 3); len(parts) == 3 {
			h["Content-Disposition"] = []string{fmt.Sprintf("form-data; name=%q; filename=%q", name, parts[0])}
			h["Content-Type"], value = []string{parts[1]}, parts[2]
		}
		p, err := w.CreatePart(h)
		if err == nil {
			_, err = io.WriteString(p, value)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestForm(t *testing.T) {
	body := form(t, "purpose=user_data", "file=übersicht \"2\".txt:text/plain:marker words\r\nof a file", "files[]=a/SKILL.md:text/markdown:do", "files[]=b.zip:application/zip:PK\x03\x04\xff", "empty=")
	x := exchange("files.create", formType)
	if err := (resource.Codec{Codec: anthropic.Codec{}}).DecodeRequest(x, body); err != nil {
		t.Fatal(err)
	}
	inPlace(t, body, x.Blocks)
	want := " []\n" +
		"/purpose user \"purpose\" text/plain: user_data\n" +
		"/file document \"übersicht \\\"2\\\".txt\" text/plain: marker words\r\nof a file\n" +
		"/files[]/0 document \"a/SKILL.md\" text/markdown: do\n" +
		"/files[]/1 document \"b.zip\" application/zip: PK\x03\x04\xff\n" +
		"/empty user \"empty\" text/plain: \n"
	if diff := cmp.Diff(want, summary(x)); diff != "" {
		t.Error(diff)
	}
}

// TestOneWayToSplit: a body that two readers may split in two ways is refused.
func TestOneWayToSplit(t *testing.T) {
	good := string(form(t, "purpose=user_data", "file=a.txt:text/plain:words"))
	replace := func(old, with string) string { return strings.Replace(good, old, with, 1) }
	const disposition = `Content-Disposition: form-data; name="file"; filename="a.txt"`
	for name, c := range map[string]struct{ contentType, body string }{
		"no boundary":           {"multipart/form-data", good},
		"two boundaries":        {formType + "; boundary=x", good},
		"two content types":     {formType + "," + formType, good},
		"another boundary":      {"multipart/form-data; boundary=other", good},
		"a preamble":            {formType, "preamble\r\n" + good},
		"an epilogue":           {formType, good + "epilogue"},
		"padding":               {formType, replace("--xYzZY\r\n", "--xYzZY \r\n")},
		"lines of LF":           {formType, strings.ReplaceAll(good, "\r\n", "\n")},
		"a header line of LF":   {formType, replace(disposition+"\r\n", disposition+"\n")},
		"a hidden end":          {formType, replace(disposition+"\r\n", disposition+"\n\nhidden\r\n")},
		"a folded header":       {formType, replace("form-data; name=\"file\"", "form-data;\r\n name=\"file\"")},
		"cut":                   {formType, good[:len(good)-6]},
		"the delimiter within":  {formType, replace("words", "words --xYzZY")},
		"a delimiter after all": {formType, replace("words", "words\r\n--xYzZYx")},
		"two dispositions":      {formType, replace(disposition, disposition+"\r\n"+disposition)},
		"two names":             {formType, replace(disposition, disposition+`; name="purpose"`)},
		"two file names":        {formType, replace(disposition, disposition+`; filename*=UTF-8''b.txt`)},
		"an extended name":      {formType, replace(disposition, disposition+`; name*=UTF-8''purpose`)},
		"a name in pieces":      {formType, replace(disposition, disposition+`; NAME*0="pur"; name*1=pose`)},
		"two file names again":  {formType, replace(disposition, disposition+`; FileName*=UTF-8''b.txt`)},
		"a file name in pieces": {formType, replace(`filename=`, `filename*0=`)},
		"a name in a file name": {formType, replace("a.txt", `a\"; name=\"purpose`)},
		"a space in a header":   {formType, replace(disposition, disposition+"\r\nContent-Disposition : form-data; name=\"purpose\"")},
		"an extended boundary":  {"multipart/form-data; boundary=y; boundary*=UTF-8''xYzZY", good},
		"no name":               {formType, replace(`name="file"; `, "")},
		"an attachment":         {formType, replace("form-data; name=\"file\"", "attachment; name=\"file\"")},
		"base64":                {formType, replace(disposition, disposition+"\r\nContent-Transfer-Encoding: base64")},
		"nested":                {formType, replace("text/plain", "multipart/mixed; boundary=b")},
		"no media type":         {formType, replace("text/plain", "text plain")},
		"large headers":         {formType, replace("a.txt", strings.Repeat("a", 9000))},
		"only the end":          {formType, "--xYzZY"},
		"another media type":    {"application/x-www-form-urlencoded", good},
	} {
		t.Run(name, func(t *testing.T) {
			x := exchange("files.create", c.contentType)
			err := resource.Codec{Codec: openai.Codec{}}.DecodeRequest(x, []byte(c.body))
			if filters.AsRefusal(err, "").Kind != filters.RefusedMalformed || x.LLM != nil || x.Blocks != nil {
				t.Errorf("error %v, found %v", err, x.Blocks)
			}
		})
	}
	many := form(t, strings.Split(strings.Repeat("f=x ", resource.MaxParts+1), " ")[:resource.MaxParts+1]...)
	if err := (resource.Codec{Codec: openai.Codec{}}).DecodeRequest(exchange("files.create", formType), many); err == nil {
		t.Error("any number of parts is read")
	}
}

// TestTreatFile: a text is masked or replaced where it stands; other content cannot be changed.
func TestTreatFile(t *testing.T) {
	codec := resource.Codec{Codec: openai.Codec{}}
	body := form(t, "purpose=user_data", `file=a.txt:text/plain:a key-1 and "key-2"`, "file=b.pdf:application/pdf:%PDF \xff key-3")
	mask := []*regexp.Regexp{regexp.MustCompile("key-[0-9]")}
	for _, c := range []struct {
		treatment filters.Treatment
		want      string
	}{
		{filters.Treatment{Block: 1, Action: filters.ActionRedact, Masks: mask}, `a [redacted] and "[redacted]"`},
		{filters.Treatment{Block: 1, Action: filters.ActionQuarantine, Notice: "Removed."}, "Removed."},
		{filters.Treatment{Block: 2, Action: filters.ActionRedact, Masks: mask}, "refused"},
		{filters.Treatment{Block: 2, Action: filters.ActionQuarantine, Notice: "Removed."}, "refused"},
		{filters.Treatment{Block: 0, Action: filters.ActionQuarantine, Notice: "Removed."}, "refused"},
	} {
		x := exchange("files.create", formType)
		if err := codec.DecodeRequest(x, body); err != nil {
			t.Fatal(err)
		}
		got := "refused"
		if err := codec.Treat(x, body, []filters.Treatment{c.treatment}); err == nil {
			again := exchange("files.create", formType)
			if err := codec.DecodeRequest(again, redact.Apply(body, x.Edits)); err != nil {
				t.Fatal(err)
			}
			got = string(again.Blocks[c.treatment.Block].Data.Bytes())
		}
		if got != c.want {
			t.Errorf("%+v: %q, want %q", c.treatment, got, c.want)
		}
	}
	x := exchange("files.create", formType)
	if err := codec.DecodeRequest(x, body); err != nil || !redact.Matches(&x.Blocks[1], mask...) {
		t.Error("a pattern does not see what stands outside of quotes")
	}
}

func FuzzForm(f *testing.F) {
	f.Add(form(f, "purpose=user_data", "file=a.txt:text/plain:words"), formType)
	f.Add(form(f, "purpose=batch", `file=a.jsonl:application/jsonl:`+batchLine), formType)
	f.Add([]byte("--x\r\n\r\n\r\n--x--"), "multipart/form-data; boundary=x")
	f.Fuzz(func(t *testing.T, body []byte, contentType string) {
		x := exchange("files.create", contentType)
		if err := (resource.Codec{Codec: openai.Codec{}}).DecodeRequest(x, body); err != nil {
			if filters.AsRefusal(err, "").Kind == filters.RefusedInternal || x.LLM != nil || x.Blocks != nil {
				t.Fatalf("error %v, found %v", err, x.Blocks)
			}
			return
		}
		inPlace(t, body, x.Blocks)
	})
}
