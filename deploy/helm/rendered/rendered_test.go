// SPDX-License-Identifier: MPL-2.0

package rendered

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	yamldocs "k8s.io/apimachinery/pkg/util/yaml"
)

const chart = "../pouncet"

// required are the values that every installation gives.
var required = []string{"--set", "image.repository=registry.example/pouncet", "--set-string", "image.tag=1.2",
	"--set", "database.secretName=database", "--set", "kmsKey=aws-kms:///alias/pouncet"}

var withTLS = append(slices.Clone(required), "--set", "tls.secretName=certificate")

// helms returns the Helm 3 and Helm 4 that make builds.
func helms(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, name := range []string{"helm3", "helm4"} {
		path, err := filepath.Abs(filepath.Join("../../../bin", name))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(path); err == nil {
			all = append(all, path)
		}
	}
	if len(all) == 0 {
		if os.Getenv("POUNCET_TEST_PARTS") != "" {
			t.Fatal("there is no Helm: run make plugs-tools")
		}
		t.Skip("SKIPPED: there is no Helm: run make plugs-tools")
	}
	return all
}

func template(t *testing.T, helm string, values ...string) (string, error) {
	t.Helper()
	c := exec.CommandContext(t.Context(), helm, append([]string{"template", "app", chart, "--namespace", "secrets",
		"--kube-version", "1.33.0"},
		values...)...)
	home := t.TempDir()
	c.Env = append(os.Environ(), "HOME="+home, "XDG_CACHE_HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_DATA_HOME="+home)
	var problems bytes.Buffer
	c.Stderr = &problems
	out, err := c.Output()
	if err != nil {
		return "", errors.New(problems.String())
	}
	return string(out), nil
}

// objects renders the chart. It decodes each object strictly, as the Kubernetes API does with field validation: an
// unknown or repeated field is an error.
func objects(t *testing.T, helm string, values ...string) []runtime.Object {
	t.Helper()
	text, err := template(t, helm, values...)
	if err != nil {
		t.Fatalf("%q: %v", values, err)
	}
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{apps.AddToScheme, autoscaling.AddToScheme, batch.AddToScheme,
		core.AddToScheme, networking.AddToScheme, policy.AddToScheme, monitoring.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	decoder := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme,
		json.SerializerOptions{Yaml: true, Strict: true})
	documents := yamldocs.NewDocumentDecoder(io.NopCloser(strings.NewReader(text)))
	var all []runtime.Object
	buffer := make([]byte, 1<<20)
	for {
		n, err := documents.Read(buffer)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(bytes.TrimSpace(buffer[:n])) == 0 {
			continue
		}
		o, _, err := decoder.Decode(buffer[:n], nil, nil)
		if err != nil {
			t.Fatalf("%q: %v\n%s", values, err, buffer[:n])
		}
		all = append(all, o)
	}
}

// one returns the object of a type.
func one[T runtime.Object](t *testing.T, all []runtime.Object) T {
	t.Helper()
	var found []T
	for _, o := range all {
		if o, ok := o.(T); ok {
			found = append(found, o)
		}
	}
	if len(found) == 0 {
		t.Fatalf("there is no %T", *new(T))
	}
	return found[0]
}

func TestChart(t *testing.T) {
	for _, helm := range helms(t) {
		for name, c := range map[string]struct {
			values []string
			kinds  []string
			check  func(t *testing.T, all []runtime.Object)
		}{
			"only what is required": {withTLS, []string{"Deployment", "NetworkPolicy", "PodDisruptionBudget", "Service",
				"Service", "ServiceAccount"}, func(t *testing.T, all []runtime.Object) {
				d := one[*apps.Deployment](t, all)
				if *d.Spec.Replicas != 3 {
					t.Errorf("%d replicas", *d.Spec.Replicas)
				}
				arguments(t, d, "--tls-cert=/tls/tls.crt", "--tls-key=/tls/tls.key", "--quiet", "--metrics-listen=:9420")
			}},
			"everything": {append(slices.Clone(withTLS), "--set",
				"migrate.enabled=true,metrics.serviceMonitor.enabled=true,autoscaling.enabled=true,"+
					"tls.clientCASecretName=authorities,tracing.endpoint=https://otel.example,tracing.headersSecretName=otel,"+
					"kms.envSecretName=aws,server.rateLimit=50:100,server.logRequests=true,server.deployment=x,"+
					"allowKMSKeys={aws-kms:///alias/a-*},trustedProxies={10.0.0.0/8},imagePullSecrets[0].name=pull,"+
					"server.extraEnv[0].name=A,server.extraEnv[0].value=b,podAnnotations.a=b,podLabels.c=d,"+
					"nodeSelector.e=f,priorityClassName=high,service.annotations.g=h,serviceAccount.annotations.i=j,"+
					"migrate.databaseSecretName=owner,migrate.servingRole=server,metrics.serviceMonitor.labels.k=l"),
				[]string{"Deployment", "HorizontalPodAutoscaler", "Job", "NetworkPolicy", "PodDisruptionBudget", "Service",
					"Service", "ServiceAccount", "ServiceAccount", "ServiceMonitor"}, func(t *testing.T, all []runtime.Object) {
					d := one[*apps.Deployment](t, all)
					if d.Spec.Replicas != nil {
						t.Error("the deployment and the autoscaler set the replicas")
					}
					arguments(t, d, "--client-ca=/client-ca/ca.crt", "--rate-limit=50:100", "--deployment=x",
						"--allow-kms-key=aws-kms:///alias/a-*", "--trusted-proxy=10.0.0.0/8")
					job := one[*batch.Job](t, all)
					if got := job.Spec.Template.Spec.Containers[0].Args; !slices.Equal(got, []string{"server", "migrate", "--apply",
						"--serving-role=server"}) {
						t.Errorf("the job runs %q", got)
					}
					if secret := job.Spec.Template.Spec.Containers[0].Env[0].ValueFrom.SecretKeyRef.Name; secret != "owner" {
						t.Errorf("the job uses the secret %q", secret)
					}
					egress := one[*networking.NetworkPolicy](t, all).Spec.Egress
					if port := egress[len(egress)-1].Ports[0].Port.IntValue(); port != 443 {
						t.Errorf("the way to the collector is open on port %d", port)
					}
				}},
			"a key file and no certificate": {append(slices.Clone(required), "--set",
				"tls.insecureBehindProxy=true,kmsKey=file:///kms/kms.key,kms.keySecretName=key,metrics.service=false,"+
					"networkPolicy.enabled=false,podDisruptionBudget.enabled=false,serviceAccount.create=false,"+
					"preStopSleepSeconds=0,image.digest=sha256:"+strings.Repeat("a", 64)),
				[]string{"Deployment", "Service"}, func(t *testing.T, all []runtime.Object) {
					d := one[*apps.Deployment](t, all)
					arguments(t, d, "--insecure-behind-proxy")
					pod := d.Spec.Template.Spec
					if pod.ServiceAccountName != "default" || pod.Containers[0].Lifecycle != nil ||
						!strings.HasPrefix(pod.Containers[0].Image, "registry.example/pouncet@sha256:") {
						t.Errorf("%+v", pod)
					}
				}},
			"places": {append(slices.Clone(withTLS),
				"--set-json", `networkPolicy.databaseTo=[{"ipBlock":{"cidr":"10.1.0.0/16"}}]`,
				"--set-json", `networkPolicy.ingressFrom=[{"namespaceSelector":{"matchLabels":{"a":"b"}}}]`,
				"--set-json", `topologySpreadConstraints=[{"maxSkew":1,"topologyKey":"zone","whenUnsatisfiable":"DoNotSchedule"}]`,
				"--set-json", `tolerations=[{"key":"a","operator":"Exists"}]`,
				"--set-json", `podDisruptionBudget.maxUnavailable="25%"`),
				[]string{"Deployment", "NetworkPolicy", "PodDisruptionBudget", "Service", "Service", "ServiceAccount"},
				func(t *testing.T, all []runtime.Object) {
					p := one[*networking.NetworkPolicy](t, all).Spec
					if p.Egress[1].To[0].IPBlock.CIDR != "10.1.0.0/16" || p.Ingress[0].From[0].NamespaceSelector == nil {
						t.Errorf("%+v", p)
					}
				}},
		} {
			t.Run(filepath.Base(helm)+"/"+name, func(t *testing.T) {
				all := objects(t, helm, c.values...)
				var kinds []string
				for _, o := range all {
					kinds = append(kinds, o.GetObjectKind().GroupVersionKind().Kind)
				}
				slices.Sort(kinds)
				if !slices.Equal(kinds, c.kinds) {
					t.Errorf("the kinds are %q, want %q", kinds, c.kinds)
				}
				for _, o := range all {
					switch o := o.(type) {
					case *apps.Deployment:
						hardened(t, o.Spec.Template.Spec)
						served(t, o)
					case *batch.Job:
						hardened(t, o.Spec.Template.Spec)
					}
				}
				c.check(t, all)
			})
		}
	}
}

// arguments checks that the server has some arguments.
func arguments(t *testing.T, d *apps.Deployment, want ...string) {
	t.Helper()
	for _, a := range want {
		if !slices.Contains(d.Spec.Template.Spec.Containers[0].Args, a) {
			t.Errorf("the server has no %s: %q", a, d.Spec.Template.Spec.Containers[0].Args)
		}
	}
}

// hardened checks a pod against the level "restricted" of the Pod Security Standards, and that nothing can be written.
func hardened(t *testing.T, pod core.PodSpec) {
	t.Helper()
	s := pod.SecurityContext
	if s == nil || s.RunAsNonRoot == nil || !*s.RunAsNonRoot || s.SeccompProfile == nil ||
		s.SeccompProfile.Type != core.SeccompProfileTypeRuntimeDefault || pod.HostNetwork || pod.HostPID || pod.HostIPC ||
		pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken {
		t.Errorf("the pod has more rights than it needs: %+v", pod)
	}
	for _, c := range pod.Containers {
		s := c.SecurityContext
		if s == nil || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation ||
			s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem || s.Capabilities == nil ||
			!slices.Equal(s.Capabilities.Drop, []core.Capability{"ALL"}) || len(s.Capabilities.Add) > 0 {
			t.Errorf("container %s has more rights than it needs: %+v", c.Name, s)
		}
		if c.Resources.Limits.Memory().IsZero() || c.Resources.Requests.Cpu().IsZero() {
			t.Errorf("container %s has no limits: %+v", c.Name, c.Resources)
		}
		for _, e := range c.Env {
			if (e.Name == "POUNCET_DATABASE" || strings.Contains(e.Name, "HEADERS")) && e.ValueFrom == nil {
				t.Errorf("the variable %s is not from a Secret", e.Name)
			}
		}
	}
	for _, v := range pod.Volumes {
		if v.Secret != nil && (v.Secret.DefaultMode == nil || *v.Secret.DefaultMode != 0o440) {
			t.Errorf("other users can read the volume %s", v.Name)
		}
		if v.HostPath != nil {
			t.Errorf("the volume %s is a folder of the node", v.Name)
		}
	}
}

// served checks the probes, and that a pod has the time to stop: it sleeps, then the server finishes its requests in
// 15 s and closes the database in 2 s.
func served(t *testing.T, d *apps.Deployment) {
	t.Helper()
	pod := d.Spec.Template.Spec
	c := pod.Containers[0]
	ports := map[string]int32{}
	for _, p := range c.Ports {
		ports[p.Name] = p.ContainerPort
	}
	for path, probe := range map[string]*core.Probe{"/healthz": c.LivenessProbe, "/readyz": c.ReadinessProbe} {
		if probe == nil || probe.HTTPGet.Path != path || ports[probe.HTTPGet.Port.String()] != 9420 {
			t.Errorf("the probe of %s is %+v", path, probe)
		}
	}
	sleep := int64(0)
	if c.Lifecycle != nil {
		sleep = c.Lifecycle.PreStop.Sleep.Seconds
	}
	if grace := *pod.TerminationGracePeriodSeconds; grace < sleep+17 {
		t.Errorf("a pod sleeps for %d s and is killed after %d s", sleep, grace)
	}
	if d.Spec.Strategy.RollingUpdate.MaxUnavailable.IntValue() != 0 {
		t.Error("an upgrade stops a server before the next one is ready")
	}
	for _, s := range pod.TopologySpreadConstraints {
		if s.LabelSelector != nil {
			for name, value := range s.LabelSelector.MatchLabels {
				if d.Spec.Template.Labels[name] != value {
					t.Errorf("the pods have no label %s=%s", name, value)
				}
			}
		}
	}
}

// TestSelectorsMatch checks that the services, the budget and the policy mean the pods of the servers, and not the job.
func TestSelectorsMatch(t *testing.T) {
	for _, helm := range helms(t) {
		all := objects(t, helm, append(slices.Clone(withTLS), "--set", "migrate.enabled=true")...)
		pods := one[*apps.Deployment](t, all).Spec.Template.Labels
		job := one[*batch.Job](t, all).Spec.Template.Labels
		for _, o := range all {
			var selector map[string]string
			switch o := o.(type) {
			case *core.Service:
				selector = o.Spec.Selector
			case *policy.PodDisruptionBudget:
				selector = o.Spec.Selector.MatchLabels
			case *networking.NetworkPolicy:
				selector = o.Spec.PodSelector.MatchLabels
			default:
				continue
			}
			if !matches(selector, pods) || matches(selector, job) {
				t.Errorf("%s has the selector %v", o.GetObjectKind().GroupVersionKind().Kind, selector)
			}
		}
	}
}

func matches(selector, labels map[string]string) bool {
	for name, value := range selector {
		if labels[name] != value {
			return false
		}
	}
	return len(selector) > 0
}

func TestWrongValuesAreRefused(t *testing.T) {
	for _, helm := range helms(t) {
		for name, c := range map[string]struct {
			values []string
			want   string
		}{
			"nothing":             {nil, "kmsKey"},
			"no certificate":      {required, "set tls.secretName, or tls.insecureBehindProxy=true"},
			"no tag":              {[]string{"--set-string", "image.tag="}, "set image.tag or image.digest"},
			"both":                {[]string{"--set", "tls.insecureBehindProxy=true"}, "remove one of them"},
			"a mistyped name":     {[]string{"--set", "replica=2"}, "replica"},
			"a mistyped one deep": {[]string{"--set", "tls.secret=x"}, "secret"},
			"no replicas":         {[]string{"--set", "replicas=0"}, "replicas"},
			"another KMS":         {[]string{"--set", "kmsKey=vault:///x"}, "kmsKey"},
			"a password as name":  {[]string{"--set", "database.secretName=postgres://u:p@h/d"}, "secretName"},
			"a key file":          {[]string{"--set", "kmsKey=file:///kms/k"}, "set kms.keySecretName"},
			"a short stop":        {[]string{"--set", "terminationGracePeriodSeconds=24"}, "must be at least 25"},
			"a service type":      {[]string{"--set", "service.type=ExternalName"}, "type"},
			"replicas upside down": {[]string{"--set", "autoscaling.enabled=true,autoscaling.minReplicas=9," +
				"autoscaling.maxReplicas=2"}, "is larger than"},
			"a monitor of nothing": {[]string{"--set", "metrics.service=false,metrics.serviceMonitor.enabled=true"},
				"requires metrics.service"},
			"an authority alone": {append(slices.Clone(required), "--set",
				"tls.insecureBehindProxy=true,tls.clientCASecretName=x"), "requires tls.secretName"},
			"a tag with a space":  {[]string{"--set-string", "image.tag=a b"}, "tag"},
			"a tag with a digest": {[]string{"--set-string", "image.tag=a@b"}, "tag"},
			"a repository":        {[]string{"--set", "image.repository=Bad Repository"}, "repository"},
			"a part of too many":  {[]string{"--set", "podDisruptionBudget.maxUnavailable=101%"}, "maxUnavailable"},
			"a ratio":             {[]string{"--set", "tracing.samplingRatio=2"}, "samplingRatio"},
		} {
			t.Run(filepath.Base(helm)+"/"+name, func(t *testing.T) {
				values := c.values
				if len(values) == 2 {
					values = append(slices.Clone(withTLS), values...)
				}
				out, err := template(t, helm, values...)
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("the error is %v, want one with %q\n%s", err, c.want, fmt.Sprintf("%.200s", out))
				}
			})
		}
	}
}

// TestValuesOfThePage renders the chart with the values in docs/howto/run-on-kubernetes.md.
func TestValuesOfThePage(t *testing.T) {
	page, err := os.ReadFile("../../../docs/howto/run-on-kubernetes.md")
	if err != nil {
		t.Fatal(err)
	}
	_, values, ok := strings.Cut(string(page), "```yaml\n")
	values, _, end := strings.Cut(values, "```")
	if !ok || !end {
		t.Fatal("the page has no values")
	}
	file := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(file, []byte(values), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, helm := range helms(t) {
		all := objects(t, helm, "--values", file)
		image := one[*apps.Deployment](t, all).Spec.Template.Spec.Containers[0].Image
		if image != "registry.example.com/pouncet:0.1.0" || len(all) != 9 {
			t.Errorf("%d objects with the image %s", len(all), image)
		}
	}
}

// TestLint lints the chart with its values.
func TestLint(t *testing.T) {
	for _, helm := range helms(t) {
		lint := []string{"lint", "--strict", "--kube-version", "1.33.0", chart}
		out, err := exec.CommandContext(t.Context(), helm, append(lint, withTLS...)...).CombinedOutput()
		if err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	}
}
