// SPDX-License-Identifier: MPL-2.0

package plugs_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

type action struct {
	Inputs  map[string]struct{ Default string }
	Outputs map[string]struct{ Value string }
	Runs    struct {
		Using string
		Steps []actionStep
	}
}

type actionStep struct {
	ID, Name, Uses, Shell, Run string
	Env                        map[string]string
}

var expression = regexp.MustCompile(`\$\{\{ *(.*?) *\}\}`)

// runner runs the steps of action.yml as GitHub's runner does.
type runner struct {
	w        *testBackend
	action   action
	contexts map[string]string // the values of expressions
	folder   string
	temp     string
}

func newRunner(t *testing.T, w *testBackend, folder, temp string, inputs map[string]string) *runner {
	t.Helper()
	r := &runner{w: w, folder: folder, temp: temp}
	decode(t, read(t, "../action.yml"), &r.action)
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(temp, "pouncet.sarif")); err != nil {
		t.Fatal(err)
	}
	r.contexts = map[string]string{"github.action_path": root, "github.event.pull_request.base.sha": ""}
	for name, input := range r.action.Inputs {
		r.contexts["inputs."+name] = r.evaluate(t, input.Default)
	}
	for name, value := range inputs {
		if _, ok := r.action.Inputs[name]; !ok {
			t.Fatalf("action.yml has no input %s", name)
		}
		r.contexts["inputs."+name] = value
	}
	return r
}

func (r *runner) evaluate(t *testing.T, text string) string {
	t.Helper()
	return expression.ReplaceAllStringFunc(text, func(e string) string {
		name := expression.FindStringSubmatch(e)[1]
		value, ok := r.contexts[name]
		if !ok && !strings.HasPrefix(name, "steps.") { // an output that a step did not set is empty
			t.Errorf("GitHub does not define %s", e)
		}
		return value
	})
}

// run runs the steps until one fails. It returns the result of the last step, the output of the action and the summary.
func (r *runner) run(t *testing.T) (last result, sarif, summary string) {
	t.Helper()
	files := map[string]string{}
	for _, name := range []string{"GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_PATH"} {
		files[name] = filepath.Join(r.temp, name)
		write(t, files[name], "")
	}
	for _, step := range r.action.Runs.Steps {
		if step.Run == "" {
			continue
		}
		script := filepath.Join(r.temp, "step.sh")
		write(t, script, step.Run)
		cmd := r.w.command(r.folder, "bash", "--noprofile", "--norc", "-e", "-o", "pipefail", script)
		for name, path := range files {
			cmd.Env = append(cmd.Env, name+"="+path)
		}
		for name, value := range step.Env {
			cmd.Env = append(cmd.Env, name+"="+r.evaluate(t, value))
		}
		if more := strings.TrimSpace(read(t, files["GITHUB_PATH"])); more != "" {
			cmd.Env = append(cmd.Env, "PATH="+more+string(os.PathListSeparator)+os.Getenv("PATH"))
		}
		cmd.Env = append(cmd.Env, "RUNNER_TEMP="+r.temp, "GITHUB_ACTIONS=true")
		last = r.w.run(cmd)
		for _, line := range strings.Split(read(t, files["GITHUB_OUTPUT"]), "\n") {
			if name, value, ok := strings.Cut(line, "="); ok && step.ID != "" {
				r.contexts["steps."+step.ID+".outputs."+name] = value
			}
		}
		if last.code != 0 {
			break
		}
	}
	return last, r.evaluate(t, r.action.Outputs["sarif"].Value), read(t, files["GITHUB_STEP_SUMMARY"])
}

// TestAction runs the scripts of the action as GitHub does.
func TestAction(t *testing.T) {
	w := newTestBackend(t)
	folder, temp := t.TempDir(), t.TempDir() // all runs share temp, so that the action builds pouncet once
	w.env = append(w.env, gitIdentity...)
	git := func(args ...string) { t.Helper(); w.must("", "git", append([]string{"-C", folder}, args...)...) }
	git("init", "--quiet", "--initial-branch=main")
	pipeline := filepath.Join(folder, "pipelines", "a b.yaml")
	write(t, pipeline, "a: \"{{ get_secret_value('db_password') }}\"\n")
	w.must("", "pouncet", "check", "--write-manifest", filepath.Join(folder, "pouncet.manifest.json"), "--env", "prod")
	git("add", ".")
	git("commit", "--quiet", "-m", "first")
	w.env = append(w.env, "POUNCET_HOME=/nonexistent") // the action needs only the manifest

	inputs := map[string]string{
		"paths": "pipelines/a b.yaml\n\n", "manifest": "pouncet.manifest.json", "environments": "prod",
	}
	r := newRunner(t, w, folder, temp, inputs)
	ended, sarif, summary := r.run(t)
	if ended.code != 0 || len(results(t, sarif)) != 0 || !strings.Contains(summary, "prod") {
		t.Fatalf("%+v\n%s", ended, summary)
	}

	// A pull request that breaks a reference.
	write(t, pipeline, "a: \"{{ get_secret_value('db_password') }}\"\nb: \"{{ get_secret_value('db_pasword') }}\"\n")
	inputs["base"] = "main"
	r = newRunner(t, w, folder, temp, inputs)
	ended, sarif, summary = r.run(t)
	ended.fails(t, "::error file=pipelines/a b.yaml,line=2")
	if messages := results(t, sarif); len(messages) != 1 || !strings.Contains(messages[0], "db_pasword") {
		t.Errorf("SARIF: %q", messages)
	}
	if !strings.Contains(summary, "db_pasword") || strings.Contains(summary, "`db_password`") {
		t.Errorf("the summary is not about the change:\n%s", summary)
	}

	// With fail-on=off, a finding does not fail the action.
	inputs["fail-on"] = "off"
	if ended, sarif, _ = newRunner(t, w, folder, temp, inputs).run(t); ended.code != 0 || len(results(t, sarif)) != 1 {
		t.Errorf("%+v", ended)
	}

	// The action never runs a text that an attacker controls.
	mark := filepath.Join(t.TempDir(), "mark")
	for name := range r.action.Inputs {
		evil := map[string]string{"paths": "pipelines", "manifest": "pouncet.manifest.json", "environments": "prod",
			"fail-on": "warning"} // an unknown environment or project is a warning
		evil[name] = `$(touch "` + mark + `"); "; touch "` + mark + `" #` + "`touch " + mark + "`"
		ended, _, _ = newRunner(t, w, folder, temp, evil).run(t)
		if _, err := os.Stat(mark); err == nil {
			t.Errorf("the action ran the text of input %s", name)
		}
		if ended.code == 0 {
			t.Errorf("the action ignores input %s", name)
		}
	}
}

// results returns the messages of the findings in a SARIF file.
func results(t *testing.T, path string) []string {
	t.Helper()
	var log struct {
		Version string
		Runs    []struct {
			Results []struct{ Message struct{ Text string } }
		}
	}
	if err := json.Unmarshal([]byte(read(t, path)), &log); err != nil || log.Version != "2.1.0" {
		t.Fatalf("%s is not valid SARIF: %v", path, err)
	}
	var out []string
	for _, r := range log.Runs[0].Results {
		out = append(out, r.Message.Text)
	}
	return out
}

// GitHub inserts the value of an expression into a script as text, so an attacker who controls the value could run
// commands.
func TestActionHasNoExpressionsInScripts(t *testing.T) {
	var a action
	decode(t, read(t, "../action.yml"), &a)
	if a.Runs.Using != "composite" || len(a.Runs.Steps) < 3 {
		t.Fatalf("the action has %d steps and uses %s", len(a.Runs.Steps), a.Runs.Using)
	}
	for _, step := range a.Runs.Steps {
		if strings.Contains(step.Run, "${{") {
			t.Errorf("step %q has an expression in its script", step.Name)
		}
		if step.Run != "" && step.Shell != "bash" {
			t.Errorf("step %q names no shell", step.Name)
		}
	}
	var workflow struct {
		Jobs map[string]struct {
			Steps []struct {
				ID   string
				With map[string]any
			}
		}
	}
	decode(t, read(t, "github-action/workflow.yml"), &workflow)
	for _, step := range workflow.Jobs["references"].Steps {
		for name := range step.With {
			if _, ok := a.Inputs[name]; !ok && step.ID == "pouncet" {
				t.Errorf("the workflow sets %s, which the action does not have", name)
			}
		}
	}
}
