// SPDX-License-Identifier: MPL-2.0

package plugs_test

import (
	"path/filepath"
	"testing"
)

// TestKustomize builds the example with pouncet as a function. Values that look like numbers stay strings, and a
// missing reference fails the build with the name of its field.
func TestKustomize(t *testing.T) {
	w := newTestBackend(t)
	kustomize := tool(t, "kustomize")
	folder := copyFolder(t, "kustomize")
	build := []string{"build", "--enable-alpha-plugins", "--enable-exec", folder}
	built := w.must("", kustomize, build...).stdout
	var secret struct {
		Metadata   struct{ Name string }
		StringData struct{ Password, Pin any }
		Data       struct {
			Password []byte `json:"password_base64"`
		}
	}
	decode(t, built, &secret)
	if secret.Metadata.Name != "prod-db" || secret.StringData.Password != dbPassword ||
		secret.StringData.Pin != pin || string(secret.Data.Password) != dbPassword {
		t.Errorf("built:\n%s", built)
	}

	replaceInFile(t, filepath.Join(folder, "secret.yaml"), "'pin'", "'pim'")
	r := w.run(w.command("", kustomize, build...))
	r.fails(t, `Secret prod-db: stringData.pin: {{ get_secret_value('pim') }}: `+
		`secret "pim" does not exist in environment "prod"; did you mean pin?`)
	// With originAnnotations, kustomize also passes the file of a resource.
	file := filepath.Join(folder, "kustomization.yaml")
	write(t, file, read(t, file)+"buildMetadata: [originAnnotations]\n")
	w.run(w.command("", kustomize, build...)).fails(t, `secret.yaml: Secret prod-db: stringData.pin: `)
	replaceInFile(t, filepath.Join(folder, "pouncet.yaml"), "environment:", "environ:")
	w.run(w.command("", kustomize, build...)).fails(t, `functionConfig: field "spec.environ" is not supported`)
}
