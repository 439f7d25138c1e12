// SPDX-License-Identifier: MPL-2.0

package main

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// TestRegistryManifest checks that the manifest names the protocol that main.go serves.
// Without a manifest the registry assumes protocol 5.
func TestRegistryManifest(t *testing.T) {
	text, err := os.ReadFile("terraform-registry-manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct {
		Version  int
		Metadata struct {
			ProtocolVersions []string `json:"protocol_versions"`
		}
	}
	if err := json.Unmarshal(text, &manifest); err != nil {
		t.Fatal(err)
	}
	if manifest.Version != 1 || !slices.Equal(manifest.Metadata.ProtocolVersions, []string{"6.0"}) {
		t.Errorf("the manifest is %+v", manifest)
	}
	source, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(source), "tf6server.Serve(") {
		t.Error("main.go does not serve protocol 6")
	}
}

// releaseBuild, releaseArchive and releaseFile hold the fields of
// .goreleaser.yml that the Terraform registry and our users depend on.
type (
	releaseBuild struct {
		ID, Main, Binary           string
		Env, Ldflags, Goos, Goarch []string
	}
	releaseArchive struct {
		ID           string
		Ids, Formats []string
		Name         string `yaml:"name_template"`
	}
	releaseFile struct {
		Glob string
		Name string `yaml:"name_template"`
	}
)

func TestReleaseConfiguration(t *testing.T) {
	text, err := os.ReadFile(".goreleaser.yml")
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Project  string `yaml:"project_name"`
		Builds   []releaseBuild
		Archives []releaseArchive
		Checksum struct {
			Name      string        `yaml:"name_template"`
			Algorithm string        `yaml:"algorithm"`
			Extra     []releaseFile `yaml:"extra_files"`
		}
		Signs []struct {
			Artifacts, Cmd string
			Args           []string
		}
		Release struct {
			Extra []releaseFile `yaml:"extra_files"`
		}
	}
	if err := yaml.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	if config.Project != "terraform-provider-pouncet" {
		t.Errorf("the project is %q", config.Project)
	}
	binaries := map[string]string{"provider": "{{ .ProjectName }}_v{{ .Version }}", "pouncet": "pouncet"}
	if len(config.Builds) != len(binaries) {
		t.Errorf("%d builds", len(config.Builds))
	}
	systems, processors := []string{"linux", "darwin", "windows"}, []string{"amd64", "arm64"}
	for _, b := range config.Builds {
		if b.Binary != binaries[b.ID] || !slices.Contains(b.Env, "CGO_ENABLED=0") ||
			!slices.Equal(b.Goos, systems) || !slices.Equal(b.Goarch, processors) ||
			!strings.Contains(strings.Join(b.Ldflags, " "), "-X main.version={{ .Version }}") {
			t.Errorf("build %q: %+v", b.ID, b)
		}
	}
	if len(config.Archives) != 2 {
		t.Fatalf("the archives are %+v", config.Archives)
	}
	if a := config.Archives[0]; a.Name != "{{ .ProjectName }}_{{ .Version }}_{{ .Os }}_{{ .Arch }}" ||
		!slices.Equal(a.Formats, []string{"zip"}) || !slices.Equal(a.Ids, []string{"provider"}) {
		t.Errorf("the archive of the provider is %+v", a)
	}
	if a := config.Archives[1]; !slices.Equal(a.Ids, []string{"pouncet"}) {
		t.Errorf("the archive of pouncet is %+v", a)
	}
	manifest := []releaseFile{{
		Glob: "terraform-registry-manifest.json",
		Name: "{{ .ProjectName }}_{{ .Version }}_manifest.json",
	}}
	if !slices.Equal(config.Checksum.Extra, manifest) || !slices.Equal(config.Release.Extra, manifest) {
		t.Errorf("the manifest is released as %+v, with checksums as %+v", config.Release.Extra, config.Checksum.Extra)
	}
	if config.Checksum.Name != "{{ .ProjectName }}_{{ .Version }}_SHA256SUMS" || config.Checksum.Algorithm != "sha256" {
		t.Errorf("the checksums are %+v", config.Checksum)
	}
	if len(config.Signs) != 1 || config.Signs[0].Artifacts != "checksum" || config.Signs[0].Cmd != "gpg" ||
		!slices.Contains(config.Signs[0].Args, "--detach-sign") {
		t.Errorf("the signatures are %+v", config.Signs)
	}
}
