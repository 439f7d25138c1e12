// SPDX-License-Identifier: MPL-2.0

package projectfiles

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/durable"
)

// Lock is the last state in which the files and the backend were the same.
type Lock struct {
	Deployment string // the id of the backend
	Project    string // the id of the project
	Name       string // the name of the project
	Objects    []Locked
}

// Locked is one object of a lock.
type Locked struct {
	Key
	ID            string `json:"id,omitempty"` // "" for a secret that waits for its value
	EnvironmentID string `json:"environment_id,omitempty"`
	Revision      int64  `json:"revision,omitempty"`
	// Digest is the digest of the attributes. It is "" for an object that another tool manages.
	Digest string `json:"digest,omitempty"`
}

const lockVersion = 1

// lockHead is the first part of a lock. Each object has a separate line, so that git merges locks well.
type lockHead struct {
	Comment    string `json:"comment"`
	Version    int    `json:"version"`
	Deployment string `json:"deployment"`
	Project    string `json:"project"`
	Name       string `json:"name"`
}

const lockComment = "Written by pouncet pull and pouncet push. Commit it. It has no values."

// Bytes returns the content of the file.
func (l Lock) Bytes() []byte {
	slices.SortFunc(l.Objects, func(x, y Locked) int { return CompareKeys(x.Key, y.Key) })
	var b bytes.Buffer
	head, err := json.Marshal(lockHead{lockComment, lockVersion, l.Deployment, l.Project, l.Name})
	if err != nil {
		panic(err) // the fields are plain data
	}
	fields := bytes.ReplaceAll(bytes.Trim(head, "{}"), []byte(`,"`), []byte(",\n  \""))
	b.WriteString("{\n  ")
	b.Write(fields)
	b.WriteString(",\n  \"objects\": [")
	for i, o := range l.Objects {
		text, err := json.Marshal(o)
		if err != nil {
			panic(err)
		}
		if i > 0 {
			b.WriteString(",")
		}
		b.WriteString("\n    ")
		b.Write(text)
	}
	b.WriteString("\n  ]\n}\n")
	return b.Bytes()
}

// ReadLock reads the lock of a folder. It returns nil if there is none.
func ReadLock(folder *os.Root) (*Lock, error) {
	text, err := readFile(folder, LockFile, MaxLockBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return ParseLock(text)
}

// ParseLock parses the content of a lock.
func ParseLock(text []byte) (*Lock, error) {
	if err := refuseConflicts(LockFile, text); err != nil {
		return nil, err
	}
	var in struct {
		lockHead
		Objects []Locked `json:"objects"`
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	hint := "restore it from version control, or remove it and run pouncet pull"
	if err := d.Decode(&in); err != nil || d.More() {
		return nil, backend.Errorf(backend.CodeInvalid, "%s cannot be parsed", LockFile).WithHint("%s", hint)
	}
	if in.Version != lockVersion {
		return nil, backend.Errorf(backend.CodeInvalid, "%s has version %d; this program knows version %d", LockFile,
			in.Version, lockVersion).WithHint("upgrade pouncet")
	}
	if !backend.IsID(in.Project) || !backend.IsID(in.Deployment) {
		return nil, backend.Errorf(backend.CodeInvalid, "%s is not valid: it names no project or no deployment", LockFile).
			WithHint("%s", hint)
	}
	seen, ids := map[Key]bool{}, map[string]bool{}
	for _, o := range in.Objects {
		if !slices.Contains(kindOrder, o.Kind) || o.Name == "" || seen[o.Key] || o.ID != "" && ids[o.ID] {
			return nil, backend.Errorf(backend.CodeInvalid, "%s is not valid: %s is wrong or occurs twice", LockFile, o.Key).
				WithHint("%s", hint)
		}
		seen[o.Key], ids[o.ID] = true, true
	}
	return &Lock{in.Deployment, in.Project, in.Name, in.Objects}, nil
}

// Write replaces the lock of a folder, unless it is the same.
func (l Lock) Write(folder *os.Root) error {
	text := l.Bytes()
	if old, err := readFile(folder, LockFile, MaxLockBytes); err == nil && bytes.Equal(old, text) {
		return nil
	}
	return replace(folder, LockFile, text)
}

// CheckWritable returns an error if Write cannot write into a folder.
func CheckWritable(folder *os.Root) error {
	if err := durable.CheckReplaceIn(folder, LockFile, 0o644); err != nil {
		return FileError(backend.CodeUnavailable, "writing", filepath.Join(folder.Name(), LockFile), err)
	}
	return nil
}

// replace writes a file, completely or not at all.
func replace(folder *os.Root, name string, text []byte) error {
	if err := durable.ReplaceIn(folder, name, text, 0o644); err != nil {
		e := FileError(backend.CodeUnavailable, "writing", filepath.Join(folder.Name(), name), err)
		if e.Hint == "" {
			e = e.WithHint("no part of the file was written; an earlier file is unchanged")
		}
		return e
	}
	return nil
}
