package chart

import (
	"maps"
	"testing"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/engine"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/scheme"
)

// cluster answers what templates look up.
type cluster struct{ client dynamic.Interface }

// GetClientFor knows Secrets alone.
func (c cluster) GetClientFor(string, string) (dynamic.NamespaceableResourceInterface, bool, error) {
	return c.client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "secrets"}), true, nil
}

// secretsOf renders values in a cluster that has the Secrets in have, and returns those that it would have then, as the API server stores them.
func secretsOf(t *testing.T, values map[string]any, have map[string]*corev1.Secret) map[string]*corev1.Secret {
	t.Helper()
	var objects []runtime.Object
	for _, s := range have {
		objects = append(objects, s)
	}
	c := load(t)
	all, err := util.ToRenderValues(c, values, common.ReleaseOptions{Name: "bartizan", Namespace: "ai", IsUpgrade: true}, common.DefaultCapabilities)
	if err != nil {
		t.Fatal(err)
	}
	texts, err := engine.RenderWithClientProvider(c, all, cluster{fake.NewSimpleDynamicClient(scheme.Scheme, objects...)})
	if err != nil {
		t.Fatal(err)
	}
	secrets := map[string]*corev1.Secret{}
	for _, doc := range Documents(byBase(texts)) {
		object, _, err := decoder.Decode([]byte(doc), nil, nil)
		if s, ok := object.(*corev1.Secret); err == nil && ok {
			if s.Data == nil {
				s.Data = map[string][]byte{}
			}
			for key, text := range s.StringData {
				s.Data[key] = []byte(text)
			}
			s.StringData = nil
			secrets[s.Name] = s
		}
	}
	return secrets
}

// TestSecretsAreKept: what was drawn at the installation stays at an upgrade; where a certificate is lost all are made anew, by one authority.
func TestSecretsAreKept(t *testing.T) {
	values := valuesFiles(t)["first-try"]
	first := secretsOf(t, values, nil)
	if len(first) < 8 {
		t.Fatalf("%d Secrets", len(first))
	}
	other := secretsOf(t, values, nil)
	second := secretsOf(t, values, first)
	for name, s := range first {
		if !maps.EqualFunc(s.Data, second[name].Data, equal) {
			t.Errorf("an upgrade changes Secret %s", name)
		}
		if maps.EqualFunc(s.Data, other[name].Data, equal) {
			t.Errorf("two installations have the same Secret %s", name)
		}
	}
	delete(second, "bartizan-nats-tls")
	renewed := secretsOf(t, values, second)
	for _, name := range []string{"bartizan-xds-tls", "bartizan-envoy-tls", "bartizan-extproc-tls"} {
		if !equal(renewed[name].Data["ca.crt"], renewed["bartizan-nats-tls"].Data["ca.crt"]) || equal(renewed[name].Data["tls.key"], first[name].Data["tls.key"]) {
			t.Errorf("Secret %s was not renewed with the others", name)
		}
	}
	if !equal(renewed["bartizan-nats-gateway"].Data["password"], first["bartizan-nats-gateway"].Data["password"]) {
		t.Error("a renewed certificate changes a password")
	}
}

func equal(a, b []byte) bool { return string(a) == string(b) }
