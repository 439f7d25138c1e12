// SPDX-License-Identifier: MPL-2.0

package acctest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	tfjson "github.com/hashicorp/terraform-json"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
)

// Step is one step of a test with a real Terraform. By default, it applies Config, and the plan after that must be
// empty. Its fields have the meaning of the fields of resource.TestStep in terraform-plugin-testing, whose runner
// starts Terraform three times as often.
type Step struct {
	Config             string
	Variables          map[string]string // the variables of Config
	PreConfig          func()            // runs before the step
	PlanOnly           bool              // the step plans Config, and applies nothing
	ExpectNonEmptyPlan bool              // the last plan of the step is not empty
	ExpectError        *regexp.Regexp    // the step fails with this error
	PlanChecks         []plancheck.PlanCheck
	StateChecks        []statecheck.StateCheck
	Import             *Import // the step imports a resource, and applies nothing
}

// Import is a resource to import. The import happens in another state, whose attributes must be those of the present
// one.
type Import struct {
	Address string
	ID      string // its id in the present state if empty
	Persist bool   // the import happens in the present state, which does not have the resource
}

// Run runs the steps with a real Terraform, and destroys at the end what they made. The provider runs in this process.
func Run(t *testing.T, steps ...Step) {
	t.Helper()
	w := inProcess(t)
	w.Write("versions.tf", RequiredProviders)
	applied := ""
	for i, step := range steps {
		err := w.step(step)
		switch {
		case step.ExpectError == nil && err != nil:
			t.Fatalf("step %d of %d: %v", i+1, len(steps), err)
		case step.ExpectError != nil && err == nil:
			t.Fatalf("step %d of %d succeeded, want the error %s", i+1, len(steps), step.ExpectError)
		case step.ExpectError != nil && !step.ExpectError.MatchString(err.Error()):
			t.Fatalf("step %d of %d: the error does not match %s:\n%v", i+1, len(steps), step.ExpectError, err)
		case err == nil:
			applied = step.Config
		}
	}
	if w.hasState() {
		w.Write("main.tf", applied) // not the one of an error
		w.Must("destroy", "-refresh=false", "-auto-approve", "-input=false", "-no-color")
	}
}

// errNotEmpty reports a plan that is not empty.
var errNotEmpty = errors.New("the plan is not empty")

func (w *Workspace) step(s Step) error {
	if s.PreConfig != nil {
		s.PreConfig()
	}
	w.Write("main.tf", s.Config)
	w.Write("terraform.tfvars.json", "{}")
	if len(s.Variables) > 0 {
		text, err := json.Marshal(s.Variables)
		if err != nil {
			return err
		}
		w.Write("terraform.tfvars.json", string(text))
	}
	if s.Import != nil {
		return w.imports(*s.Import, s.Config)
	}
	if !s.PlanOnly {
		if err := w.applies(s); err != nil {
			return err
		}
	}
	if err := w.checkState(s.StateChecks); err != nil {
		return err
	}
	out, err := w.try("plan", "-input=false", "-no-color", "-detailed-exitcode")
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == 2 {
		err = fmt.Errorf("%w:\n%s", errNotEmpty, out)
	}
	switch {
	case !s.ExpectNonEmptyPlan:
		return err
	case err == nil:
		return errors.New("the plan is empty")
	case errors.Is(err, errNotEmpty):
		return nil
	}
	return err
}

// applies applies the configuration. It plans and applies separately if that makes a difference for the step.
func (w *Workspace) applies(s Step) error {
	if len(s.PlanChecks) == 0 && s.ExpectError == nil {
		if _, err := w.try("apply", "-auto-approve", "-input=false", "-no-color"); err != nil {
			return err
		}
	} else {
		if _, err := w.try("plan", "-input=false", "-no-color", "-out=plan"); err != nil {
			return err
		}
		if err := w.checkPlan(s.PlanChecks); err != nil {
			return err
		}
		if _, err := w.try("apply", "-input=false", "-no-color", "plan"); err != nil {
			return err
		}
	}
	return nil
}

func (w *Workspace) checkPlan(checks []plancheck.PlanCheck) error {
	if len(checks) == 0 {
		return nil
	}
	out, err := w.try("show", "-json", "plan")
	if err != nil {
		return err
	}
	var plan tfjson.Plan
	if err := json.Unmarshal([]byte(out), &plan); err != nil {
		return err
	}
	for _, c := range checks {
		var resp plancheck.CheckPlanResponse
		if c.CheckPlan(w.t.Context(), plancheck.CheckPlanRequest{Plan: &plan}, &resp); resp.Error != nil {
			return resp.Error
		}
	}
	return nil
}

func (w *Workspace) checkState(checks []statecheck.StateCheck) error {
	if len(checks) == 0 {
		return nil
	}
	state, err := w.state()
	if err != nil {
		return err
	}
	for _, c := range checks {
		var resp statecheck.CheckStateResponse
		if c.CheckState(w.t.Context(), statecheck.CheckStateRequest{State: state}, &resp); resp.Error != nil {
			return resp.Error
		}
	}
	return nil
}

// imports imports a resource and compares its attributes.
func (w *Workspace) imports(i Import, config string) error {
	if i.Persist {
		_, err := w.try("import", "-input=false", "-no-color", i.Address, i.ID)
		return err
	}
	before, err := w.attributes(i.Address)
	if err != nil {
		return err
	}
	if i.ID == "" {
		i.ID = before["id"].(string)
	}
	other := inProcess(w.inProcess)
	other.Write("versions.tf", RequiredProviders)
	other.Write("main.tf", config)
	if _, err := other.try("import", "-input=false", "-no-color", i.Address, i.ID); err != nil {
		return err
	}
	after, err := other.attributes(i.Address)
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(before, after) {
		return fmt.Errorf("the imported attributes are %v, want %v", after, before)
	}
	return nil
}

func (w *Workspace) attributes(address string) (map[string]any, error) {
	state, err := w.state()
	if err != nil {
		return nil, err
	}
	return resourceAt(state, address)
}

// state reads the resources and outputs from the file of the state, which is quicker than to start Terraform for it.
func (w *Workspace) state() (*tfjson.State, error) {
	file, err := os.Open(filepath.Join(w.Dir, stateFile))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var stored struct {
		Outputs   map[string]*tfjson.StateOutput
		Resources []struct {
			Mode, Type, Name string
			Instances        []struct {
				Key        any `json:"index_key"`
				Attributes map[string]any
			}
		}
	}
	decoder := json.NewDecoder(file)
	decoder.UseNumber()
	if err := decoder.Decode(&stored); err != nil {
		return nil, err
	}
	root := &tfjson.StateModule{}
	for _, r := range stored.Resources {
		address := r.Type + "." + r.Name
		if r.Mode == "data" {
			address = "data." + address
		}
		for _, instance := range r.Instances {
			at := address
			switch key := instance.Key.(type) {
			case string:
				at += fmt.Sprintf("[%q]", key)
			case json.Number:
				at += fmt.Sprintf("[%s]", key)
			}
			if dynamic, ok := instance.Attributes["data"].(map[string]any); ok && r.Type == "echo" {
				instance.Attributes["data"] = dynamic["value"] // stored with its type
			}
			root.Resources = append(root.Resources, &tfjson.StateResource{Address: at, AttributeValues: instance.Attributes})
		}
	}
	return &tfjson.State{Values: &tfjson.StateValues{Outputs: stored.Outputs, RootModule: root}}, nil
}

func resourceAt(state *tfjson.State, address string) (map[string]any, error) {
	for _, r := range state.Values.RootModule.Resources {
		if r.Address == address {
			return r.AttributeValues, nil
		}
	}
	return nil, fmt.Errorf("the state does not have %s", address)
}

// stateCheck is a check of the state.
type stateCheck func(state *tfjson.State) error

// CheckState runs the check.
func (c stateCheck) CheckState(_ context.Context, r statecheck.CheckStateRequest, resp *statecheck.CheckStateResponse) {
	resp.Error = c(r.State)
}

// Check is a check of something else than the state, after an apply.
func Check(f func() error) statecheck.StateCheck {
	return stateCheck(func(*tfjson.State) error { return f() })
}

// Attr expects an attribute of a resource, as text. The key "labels.team" is an element of a map, "labels.%" the
// number of its elements, and "names.#" the number of the elements of a list.
func Attr(address, key, want string) statecheck.StateCheck {
	return AttrWith(address, key, func(got string) error {
		if got != want {
			return fmt.Errorf("%s of %s is %q, want %q", key, address, got, want)
		}
		return nil
	})
}

// Checks are the checks of a step.
func Checks(checks ...statecheck.StateCheck) []statecheck.StateCheck { return checks }

// AttrSet expects that an attribute of a resource has a value.
func AttrSet(address, key string) statecheck.StateCheck {
	return AttrWith(address, key, func(string) error { return nil })
}

// AttrWith passes an attribute of a resource to f. It is an error if the attribute is null.
func AttrWith(address, key string, f func(got string) error) statecheck.StateCheck {
	return stateCheck(func(state *tfjson.State) error {
		attributes, err := resourceAt(state, address)
		if err != nil {
			return err
		}
		got := valueAt(attributes, strings.Split(key, "."))
		if got == nil {
			return fmt.Errorf("%s of %s is null", key, address)
		}
		return f(fmt.Sprint(got))
	})
}

// NoAttr expects that an attribute of a resource is null.
func NoAttr(address, key string) statecheck.StateCheck {
	return stateCheck(func(state *tfjson.State) error {
		attributes, err := resourceAt(state, address)
		if err != nil {
			return err
		}
		if got := valueAt(attributes, strings.Split(key, ".")); got != nil {
			return fmt.Errorf("%s of %s is %v, want null", key, address, got)
		}
		return nil
	})
}

// Output expects the text of an output.
func Output(name, want string) statecheck.StateCheck {
	return stateCheck(func(state *tfjson.State) error {
		output, ok := state.Values.Outputs[name]
		if !ok || fmt.Sprint(output.Value) != want {
			return fmt.Errorf("output %s is %v, want %q", name, output, want)
		}
		return nil
	})
}

func valueAt(v any, keys []string) any {
	if len(keys) == 0 {
		return v
	}
	switch v := v.(type) {
	case map[string]any:
		if keys[0] == "%" {
			return len(v)
		}
		return valueAt(v[keys[0]], keys[1:])
	case []any:
		if keys[0] == "#" {
			return len(v)
		}
		for i, e := range v {
			if keys[0] == fmt.Sprint(i) {
				return valueAt(e, keys[1:])
			}
		}
	}
	return nil
}
