// Package packaging has what platen is installed with: units, packages, images,
// manifests. It is a module of its own, so that what makes them is no
// dependency of platen's.
package packaging

import (
	"context"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"
)

// TestKubernetes decodes the manifest by Kubernetes' own types, strictly: a
// field that does not exist, or is of another type, is an error.
func TestKubernetes(t *testing.T) {
	text, err := os.ReadFile("kubernetes/platen.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for document := range strings.SplitSeq(string(text), "\n---\n") {
		var head struct{ APIVersion, Kind string }
		if err := yaml.Unmarshal([]byte(document), &head); err != nil {
			t.Fatal(err)
		}
		object, ok := map[string]any{
			"apps/v1 Deployment":            &appsv1.Deployment{},
			"apps/v1 StatefulSet":           &appsv1.StatefulSet{},
			"policy/v1 PodDisruptionBudget": &policyv1.PodDisruptionBudget{},
			"v1 Service":                    &corev1.Service{},
		}[head.APIVersion+" "+head.Kind]
		if !ok {
			t.Fatalf("no type for %v", head)
		}
		if err := yaml.UnmarshalStrict([]byte(document), object); err != nil {
			t.Errorf("%s: %v", head.Kind, err)
		}
		kinds = append(kinds, head.Kind)
		if deployment, ok := object.(*appsv1.Deployment); ok {
			checkDeployment(t, deployment)
		}
	}
	if want := []string{"Deployment", "PodDisruptionBudget", "Service", "Service", "StatefulSet"}; !slices.Equal(kinds, want) {
		t.Errorf("it has %v, want %v", kinds, want)
	}
}

// checkDeployment checks what the types can not: that names fit each other, and
// what a rolling restart needs.
func checkDeployment(t *testing.T, deployment *appsv1.Deployment) {
	t.Helper()
	pod := deployment.Spec.Template.Spec
	server := pod.Containers[0]
	for key, value := range deployment.Spec.Selector.MatchLabels {
		if deployment.Spec.Template.Labels[key] != value {
			t.Errorf("the pods have no label %s=%s", key, value)
		}
	}
	for _, mount := range server.VolumeMounts {
		if !slices.ContainsFunc(pod.Volumes, func(v corev1.Volume) bool { return v.Name == mount.Name }) {
			t.Errorf("no volume %s", mount.Name)
		}
	}
	for _, probe := range []*corev1.Probe{server.StartupProbe, server.LivenessProbe, server.ReadinessProbe} {
		port := probe.HTTPGet.Port.StrVal
		if !slices.ContainsFunc(server.Ports, func(p corev1.ContainerPort) bool { return p.Name == port }) {
			t.Errorf("no port %q", port)
		}
	}
	if server.ReadinessProbe.HTTPGet.Path != "/readyz" || server.LivenessProbe.HTTPGet.Path != "/healthz" {
		t.Error("the probes ask for something else")
	}
	// The pause and the ten seconds of a stop have to fit.
	if pause := server.Lifecycle.PreStop.Sleep.Seconds; *pod.TerminationGracePeriodSeconds <= pause+10 {
		t.Errorf("%d s are too few to stop in", *pod.TerminationGracePeriodSeconds)
	}
	if links := pod.EnableServiceLinks; links == nil || *links {
		t.Error("the pods have variables PLATEN_… that are no settings")
	}
	if deployment.Spec.Strategy.RollingUpdate.MaxUnavailable.IntValue() != 0 {
		t.Error("a rolling restart takes servers away before others are ready")
	}
}

// TestUnit checks what a start at boot needs of systemd's unit: that it is tried
// until the database can be reached, with all credentials that platen looks for.
func TestUnit(t *testing.T) {
	text, err := os.ReadFile("systemd/platen.service")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	for _, want := range []string{
		"StartLimitIntervalSec=0", "Restart=on-failure",
		"LoadCredential=platen.admin-password", "LoadCredential=platen.database", "LoadCredential=platen.oidc-client-secret",
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("the unit has no %s", want)
		}
	}
}

// TestCompose loads the compose file as Docker does, by its JSON schema.
func TestCompose(t *testing.T) {
	options, err := cli.NewProjectOptions([]string{"compose/compose.yaml"}, cli.WithEnv([]string{"PLATEN_VERSION=1.2.3"}))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"platen-1", "platen-2", "proxy", "postgres"} {
		if _, err := project.GetService(name); err != nil {
			t.Error(err)
		}
	}
	one, err := project.GetService("platen-1")
	if err != nil {
		t.Fatal(err)
	}
	if one.Image != "platen:1.2.3" || one.HealthCheck == nil || len(one.Secrets) != 2 {
		t.Errorf("platen-1 is %v", one)
	}
	proxy, err := project.GetService("proxy")
	if err != nil {
		t.Fatal(err)
	}
	address := proxy.Networks["inside"].Ipv4Address
	if trusted := one.Environment["PLATEN_TRUSTED_PROXY"]; trusted == nil || *trusted != address {
		t.Errorf("the proxy has the address %s, and another one is trusted", address)
	}
	// Docker gives the first address of the range to the first container that starts.
	pool := project.Networks["inside"].Ipam.Config[0]
	others, err := netip.ParsePrefix(pool.IPRange)
	if err != nil || others.Contains(netip.MustParseAddr(address)) || !netip.MustParsePrefix(pool.Subnet).Contains(others.Addr()) {
		t.Errorf("the address of the proxy, %s, may be given to another container: the others have %q", address, pool.IPRange)
	}
}
