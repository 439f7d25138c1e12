// SPDX-License-Identifier: MPL-2.0

package interpolate_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// secrets is a minimal Resolver. A backend.Service is a Resolver too.
type secrets map[string]string

func (v secrets) Resolve(_ context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	out := make([]backend.Resolution, len(refs))
	for i, ref := range refs {
		if value, ok := v[ref.Environment+"/"+ref.Name]; ok {
			out[i].Value, out[i].Secret = backend.PlaintextString(value), true
		} else {
			out[i].Err = backend.Errorf(backend.CodeNotFound, "secret %q does not exist in environment %q",
				ref.Name, ref.Environment)
		}
	}
	return out, nil
}

func ExampleRender() {
	file := interpolate.File{Name: "pipeline.yaml", Data: []byte(`# comments stay
password: "{{ get_secret_value('db_password') }}"   # with or without quotes
schedule: "{{ execution_date }}"                    # foreign
`)}
	resolver := secrets{"prod/db_password": `s3"cret`}
	options := interpolate.Options{Project: "default", Environment: "prod"}
	rendered, err := interpolate.Render(context.Background(), resolver, []interpolate.File{file}, options)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(string(rendered[0].Data))
	// Output:
	// # comments stay
	// password: "s3\"cret"   # with or without quotes
	// schedule: "{{ execution_date }}"                    # foreign
}

// Render reports all problems at once, each with its position.
func ExampleRender_missing() {
	const text = "a: \"{{ get_secret_value('x') }}\"\nb: \"{{ get_secret_value('y') }}\"\n"
	file := interpolate.File{Name: "pipeline.yaml", Data: []byte(text)}
	options := interpolate.Options{Project: "default", Environment: "prod"}
	_, err := interpolate.Render(context.Background(), secrets{}, []interpolate.File{file}, options)
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

// Scan lists references without a backend.
func ExampleScan() {
	document, err := interpolate.Scan(interpolate.File{Name: "pipeline.yaml", Data: []byte(
		"url: postgres://{{ get_secret_value('db_password', env='prod') | urlencode }}" +
			"@{{ get_value('db_host') }}/app\n")})
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
