// SPDX-License-Identifier: MPL-2.0

// Package settings reads and writes the files that the command line takes settings from: the tokens that "pouncet
// login" stores, the profiles of a user, and the settings file of a repository, pouncet.yaml.
//
// The files of a user are in the folder pouncet below the user's folder for configuration (os.UserConfigDir). They
// belong to this user alone. A repository belongs to everybody who can change it, so its file never holds a token,
// and package main sends no token to its endpoint but one that was stored for exactly this endpoint.
//
// # Limits
//
// The files of a user are not encrypted: anyone who can read the files of the user can use the tokens.
package settings

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
	"github.com/pouncet/terraform-provider-pouncet/backend/suggest"
)

// The keys of a profile. A repository file has the first three.
const (
	Endpoint       = "endpoint"
	Project        = "project"
	Environment    = "environment"
	CACertFile     = "ca_cert_file"
	ClientCertFile = "client_cert_file"
	ClientKeyFile  = "client_key_file"
)

// Values are settings by their keys. A key that is not set is absent.
type Values map[string]string

// maxFile is the largest file of settings, in bytes.
const maxFile = 64 << 10

// Folder returns the folder of a user's files.
func Folder() (string, error) {
	dir, err := os.UserConfigDir()
	if err == nil && !filepath.IsAbs(dir) { // os.UserConfigDir asks that of XDG_CONFIG_HOME only
		err = errors.New("path in $HOME is relative")
	}
	if err != nil {
		return "", backend.Errorf(backend.CodeInvalid, "finding the folder for configuration: %w", err).
			WithHint("set HOME or XDG_CONFIG_HOME to an absolute path")
	}
	return filepath.Join(dir, "pouncet"), nil
}

// readFile reads a file of settings. A missing file is empty.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && !info.Mode().IsRegular() {
		return nil, backend.Errorf(backend.CodeInvalid, "%s is not a file", path)
	}
	if err == nil && info.Size() > maxFile {
		return nil, backend.Errorf(backend.CodeTooLarge, "%s has %d bytes; the limit is %d", path, info.Size(), maxFile)
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, backend.Errorf(backend.CodeInvalid, "reading settings: %w", err)
	}
	return text, nil
}

// parse returns the mapping in a file, or nil if the file is empty.
func parse(path string, text []byte) (document, mapping *yaml.Node, err error) {
	var node yaml.Node
	if err := yaml.Unmarshal(text, &node); err != nil {
		return nil, nil, backend.Errorf(backend.CodeInvalid, "%s cannot be parsed as YAML: %w", path, err)
	}
	if len(node.Content) == 0 {
		return nil, nil, nil
	}
	root := node.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return nil, nil, nil
	}
	if root.Kind != yaml.MappingNode {
		return nil, nil, invalid(path, root, "the file is not a mapping")
	}
	return &node, root, nil
}

// entries calls f for each key of a mapping. An unknown key and a repeated one are errors; nil keys allow every key.
func entries(path string, mapping *yaml.Node, keys []string, f func(key string, value *yaml.Node) error) error {
	var seen []string
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key, value := mapping.Content[i], mapping.Content[i+1]
		switch {
		case key.Kind != yaml.ScalarNode:
			return invalid(path, key, "a key is not a text")
		case keys != nil && !slices.Contains(keys, key.Value):
			err := invalid(path, key, "unknown key %s", backend.Quote(key.Value))
			if strings.Contains(strings.ToLower(key.Value), "token") {
				return err.WithHint("no file of settings has a token: log in with pouncet login; if this was one, replace it")
			}
			return err.WithHint("%s", suggest.Hint(suggest.Name(key.Value, keys), "the keys are "+backend.Enumerate(keys)))
		case slices.Contains(seen, key.Value):
			return invalid(path, key, "key %s is set twice", backend.Quote(key.Value)).WithHint("remove one of them")
		}
		seen = append(seen, key.Value)
		if err := f(key.Value, value); err != nil {
			return err
		}
	}
	return nil
}

// values reads settings with some of the keys from a mapping, and checks them.
func values(path string, mapping *yaml.Node, keys []string) (Values, error) {
	out := Values{}
	err := entries(path, mapping, keys, func(key string, value *yaml.Node) error {
		if value.Kind != yaml.ScalarNode || value.Tag != "!!str" || value.Value == "" {
			return invalid(path, value, "%s is not a text, or is empty", key).WithHint("give it a text, or leave the key out")
		}
		if err := Check(key, value.Value); err != nil {
			e := backend.AsError(err)
			return invalid(path, value, "%s", e.Message).WithHint("%s", e.Hint)
		}
		out[key] = value.Value
		return nil
	})
	return out, err
}

// Check returns an error if a setting cannot have a value.
func Check(key, value string) error {
	var invalid *backend.Error
	switch {
	case key == Endpoint:
		_, err := httpapi.NormalizeEndpoint(value)
		return err
	case backend.IsID(value):
	case key == Project:
		invalid = backend.CheckName(backend.KindProject, value)
	case key == Environment && value != backend.AnyEnvironment:
		invalid = backend.CheckName(backend.KindEnvironment, value)
	}
	if invalid != nil {
		return invalid
	}
	return nil
}

func invalid(path string, at *yaml.Node, format string, args ...any) *backend.Error {
	return backend.Errorf(backend.CodeInvalid, "%s:%d:%d: "+format, append([]any{path, at.Line, at.Column}, args...)...)
}
