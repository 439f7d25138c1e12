// SPDX-License-Identifier: MPL-2.0

package interpolate_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// secrets is the least that a Resolver can be. A backend.Service is one too.
type secrets map[string]string

func (v secrets) Resolve(_ context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	out := make([]backend.Resolution, len(refs))
	for i, ref := range refs {
		if value, ok := v[ref.Environment+"/"+ref.Name]; ok {
			out[i] = backend.Resolution{Value: backend.PlaintextString(value), Secret: true}
		} else {
			out[i] = backend.Resolution{Err: backend.Errorf(backend.CodeNotFound, "secret %q does not exist in environment %q", ref.Name, ref.Environment)}
		}
	}
	return out, nil
}

func ExampleRender() {
	file := interpolate.File{Name: "pipeline.yaml", Data: []byte(`# comments stay
password: "{{ get_secret_value('db_password') }}"   # quoted or not
schedule: "{{ execution_date }}"                    # not ours
`)}
	rendered, err := interpolate.Render(context.Background(), secrets{"prod/db_password": `s3"cret`}, []interpolate.File{file},
		interpolate.Options{Project: "default", Environment: "prod"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(string(rendered[0].Data))
	// Output:
	// # comments stay
	// password: "s3\"cret"   # quoted or not
	// schedule: "{{ execution_date }}"                    # not ours
}

// Whatever is wrong is told at once, each with its place.
func ExampleRender_missing() {
	file := interpolate.File{Name: "pipeline.yaml", Data: []byte("a: \"{{ get_secret_value('x') }}\"\nb: \"{{ get_secret_value('y') }}\"\n")}
	_, err := interpolate.Render(context.Background(), secrets{}, []interpolate.File{file},
		interpolate.Options{Project: "default", Environment: "prod"})
	var problems interpolate.Problems
	if errors.As(err, &problems) && errors.Is(err, backend.ErrNotFound) {
		for _, p := range problems {
			fmt.Println(p)
		}
	}
	// Output:
	// pipeline.yaml:1:5: {{ get_secret_value('x') }}: secret "x" does not exist in environment "prod"
	// pipeline.yaml:2:5: {{ get_secret_value('y') }}: secret "y" does not exist in environment "prod"
}

// Scan reads references without a backend.
func ExampleScan() {
	document, err := interpolate.Scan(interpolate.File{Name: "pipeline.yaml", Data: []byte(
		"url: postgres://{{ get_secret_value('db_password', env='prod') | urlencode }}@{{ get_value('db_host') }}/app\n")})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range document.References() {
		fmt.Println(r.Pos, r.Kind, r.Name, r.Environment)
	}
	// Output:
	// pipeline.yaml:1:17 secret db_password prod
	// pipeline.yaml:1:79 scoped value db_host
}
