// SPDX-License-Identifier: MPL-2.0

package settings

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

// RepositoryFile is the name of the settings file of a repository.
const RepositoryFile = "pouncet.yaml"

// RepositoryKeys are the keys of the settings file of a repository.
var RepositoryKeys = []string{Endpoint, Project, Environment}

// Repository is the settings file of a repository. Without one, Path is "".
type Repository struct {
	Path   string
	Values Values
}

// FindRepository reads the settings file that is nearest to a folder, upwards. The search ends in the first folder with
// .git, and in the home folder of the user. A Kubernetes resource of the name is passed over. A file that another user
// owns or may change gives ErrDenied; trust says in the hint how to name it.
func FindRepository(from, trust string) (Repository, error) {
	home, _ := os.UserHomeDir()
	for folder := from; ; folder = filepath.Dir(folder) {
		path := filepath.Join(folder, RepositoryFile)
		if _, err := os.Lstat(path); err == nil {
			if err := open.CheckFile(path, trust); err != nil {
				return Repository{}, err
			}
			r, err := ReadRepository(path)
			if !errors.Is(err, errResource) {
				return r, err
			}
		}
		_, err := os.Lstat(filepath.Join(folder, ".git"))
		if err == nil || folder == home || folder == filepath.Dir(folder) {
			return Repository{}, nil
		}
	}
}

// errResource is the error of a file that is no settings file: the configuration of the KRM function can have the same
// name.
var errResource = backend.Errorf(backend.CodeInvalid,
	RepositoryFile+" is a Kubernetes resource and not a settings file").
	WithHint("name another file")

// ReadRepository reads a settings file of a repository that is trusted.
func ReadRepository(path string) (Repository, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return Repository{}, backend.Errorf(backend.CodeInvalid, "reading settings: %w", err)
	}
	text, err := readFile(path)
	if err != nil {
		return Repository{}, err
	}
	_, mapping, err := parse(path, text)
	if err != nil || mapping == nil {
		return Repository{Path: path}, err
	}
	if child(mapping, "apiVersion") != nil && child(mapping, "kind") != nil {
		return Repository{}, errResource
	}
	v, err := values(path, mapping, RepositoryKeys)
	return Repository{path, v}, err
}
