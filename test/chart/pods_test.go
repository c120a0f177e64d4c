package chart

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

var decoder = serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()

// pod is a pod, or what pods are made from.
type pod struct {
	name string
	meta metav1.ObjectMeta
	spec corev1.PodSpec
}

// pods renders values and returns every pod.
func pods(t *testing.T, values map[string]any) []pod {
	t.Helper()
	texts, err := Render(load(t), values)
	if err != nil {
		t.Fatal(err)
	}
	var found []pod
	for _, doc := range Documents(texts) {
		object, _, err := decoder.Decode([]byte(doc), nil, nil)
		if err != nil {
			continue // TestSound says so
		}
		switch o := object.(type) {
		case *appsv1.Deployment:
			found = append(found, pod{"Deployment " + o.Name, o.Spec.Template.ObjectMeta, o.Spec.Template.Spec})
		case *appsv1.StatefulSet:
			found = append(found, pod{"StatefulSet " + o.Name, o.Spec.Template.ObjectMeta, withClaims(o)})
		case *corev1.Pod:
			found = append(found, pod{"Pod " + o.Name, o.ObjectMeta, o.Spec})
		}
	}
	if len(found) < 2 {
		t.Fatalf("%d pods", len(found))
	}
	return found
}

// withClaims is a StatefulSet's pod with the volumes that its claims become.
func withClaims(s *appsv1.StatefulSet) corev1.PodSpec {
	spec := *s.Spec.Template.Spec.DeepCopy()
	for _, c := range s.Spec.VolumeClaimTemplates {
		spec.Volumes = append(spec.Volumes, corev1.Volume{Name: c.Name, VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{}}})
	}
	return spec
}

func (p *pod) containers() []corev1.Container {
	return slices.Concat(p.spec.InitContainers, p.spec.Containers)
}

// TestPodSecurity holds every pod to the level "restricted", with the admission's own code. A host port is the one thing that it forbids.
func TestPodSecurity(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	restricted := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	for name, values := range valuesFiles(t) {
		for _, p := range pods(t, values) {
			result := policy.AggregateCheckResults(evaluator.EvaluatePod(restricted, &p.meta, &p.spec))
			if name == "host-port" && p.name == "Deployment bartizan-gateway" {
				if result.ForbiddenReason() != "hostPort" {
					t.Errorf("%s: %s: forbidden for %q, wanted the host port alone", name, p.name, result.ForbiddenReason())
				}
				continue
			}
			if !result.Allowed {
				t.Errorf("%s: %s: %s: %s", name, p.name, result.ForbiddenReason(), result.ForbiddenDetail())
			}
		}
	}
}

// TestHardened holds what Pod Security does not ask for.
func TestHardened(t *testing.T) {
	for name, values := range valuesFiles(t) {
		for _, p := range pods(t, values) {
			if auto := p.spec.AutomountServiceAccountToken; auto == nil || *auto {
				t.Errorf("%s: %s has a token of its service account", name, p.name)
			}
			for _, c := range p.containers() {
				for _, problem := range problems(&p, &c) {
					t.Errorf("%s: %s, container %s: %s", name, p.name, c.Name, problem)
				}
			}
		}
	}
}

func problems(p *pod, c *corev1.Container) (found []string) {
	if ro := c.SecurityContext.ReadOnlyRootFilesystem; ro == nil || !*ro {
		found = append(found, "its root can be written")
	}
	if c.Resources.Requests.Cpu().IsZero() || c.Resources.Requests.Memory().IsZero() || c.Resources.Limits.Memory().IsZero() {
		found = append(found, "no requests of CPU and memory, or no limit of memory")
	}
	if strings.HasSuffix(c.Image, ":latest") || !strings.ContainsAny(c.Image, ":@") {
		found = append(found, "image "+c.Image+" has no version")
	}
	for _, m := range c.VolumeMounts {
		if !slices.ContainsFunc(p.spec.Volumes, func(v corev1.Volume) bool { return v.Name == m.Name }) {
			found = append(found, "mounts "+m.Name+", which is no volume")
		}
	}
	return found
}

// sees says which Secrets a container has in its files or its environment.
func (p *pod) sees(c *corev1.Container) []string {
	var secrets []string
	for _, m := range c.VolumeMounts {
		for _, v := range p.spec.Volumes {
			if v.Name == m.Name {
				secrets = append(secrets, volumeSecrets(&v)...)
			}
		}
	}
	for _, e := range c.Env {
		if e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil {
			secrets = append(secrets, e.ValueFrom.SecretKeyRef.Name+"/"+e.ValueFrom.SecretKeyRef.Key)
		}
	}
	slices.Sort(secrets)
	return slices.Compact(secrets)
}

func volumeSecrets(v *corev1.Volume) (names []string) {
	if v.Secret != nil {
		names = append(names, v.Secret.SecretName+keysOf(v.Secret.Items))
	}
	if v.Projected != nil {
		for _, s := range v.Projected.Sources {
			if s.Secret != nil {
				names = append(names, s.Secret.Name+keysOf(s.Secret.Items))
			}
		}
	}
	return names
}

// keysOf says which keys of a Secret are mounted, where it is not all.
func keysOf(items []corev1.KeyToPath) string {
	var keys []string
	for _, i := range items {
		keys = append(keys, "/"+i.Key)
	}
	return strings.Join(keys, ",")
}

// TestSecrets: each container sees the Secrets that it needs and no other. The whole list is the golden: a new line is a decision.
func TestSecrets(t *testing.T) {
	var b strings.Builder
	all := valuesFiles(t)
	for _, name := range []string{"everything", "first-try", "external-nats"} {
		fmt.Fprintf(&b, "== %s\n", name)
		for _, p := range pods(t, all[name]) {
			for _, c := range p.containers() {
				fmt.Fprintf(&b, "%s / %s: %s\n", p.name, c.Name, strings.Join(p.sees(&c), " "))
			}
		}
	}
	current(t, "testdata/secrets.txt", b.String())

	for _, p := range pods(t, all["everything"]) {
		for _, c := range p.containers() {
			if seen := p.sees(&c); slices.Contains(seen, "provider-credentials") && c.Name != "envoy" {
				t.Errorf("%s, container %s sees the providers' credentials", p.name, c.Name)
			} else if slices.Contains(seen, "people") && c.Name != "xds" {
				t.Errorf("%s, container %s sees the virtual keys", p.name, c.Name)
			}
		}
	}
}
