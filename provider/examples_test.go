package provider_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

// TestExamples applies every example that the documentation shows.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("../examples/*/pouncet_*/*.tf")
	if err != nil || len(files) < 11 {
		t.Fatalf("%d examples, %v", len(files), err)
	}
	functions, err := filepath.Glob("../examples/functions/*/*.tf")
	if err != nil || len(functions) < 4 {
		t.Fatalf("%d examples of functions, %v", len(functions), err)
	}
	files = append(files, functions...)
	for _, file := range files {
		if strings.Contains(file, "pouncet_config_references") {
			continue // it reads a file beside it: TestConfigReferencesExample
		}
		t.Run(filepath.Base(filepath.Dir(filepath.Dir(file)))+"/"+filepath.Base(filepath.Dir(file)), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			b := acctest.New(t)
			t.Setenv("TF_VAR_db_password", "correct horse battery staple")
			acctest.Run(t,
				resource.TestStep{Config: b.Config(string(text))},
				resource.TestStep{Config: b.Config(string(text)), PlanOnly: true},
			)
		})
	}
}

// TestImportExamples checks that each resource shows how to import it.
func TestImportExamples(t *testing.T) {
	dirs, err := filepath.Glob("../examples/resources/pouncet_*")
	if err != nil || len(dirs) != 5 {
		t.Fatal(dirs, err)
	}
	for _, dir := range dirs {
		text, err := os.ReadFile(filepath.Join(dir, "import.sh"))
		if err != nil || !strings.Contains(string(text), "terraform import "+filepath.Base(dir)+".") {
			t.Errorf("%s: %v", dir, err)
		}
	}
}
