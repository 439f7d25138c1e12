// SPDX-License-Identifier: MPL-2.0

package resources

import (
	"context"
	"encoding/json"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// What the provider keeps in private state, which Terraform stores beside the state and hands from a plan to its apply.

const (
	// seenKey holds what the provider has seen of the object: see seen.
	seenKey = "seen"
	// replacementKey holds the place of the object that Terraform creates after a deletion: see place. Only a planned
	// deletion carries it.
	replacementKey = "replacement"
)

// seen is the object as Terraform knows it. An apply sends the edition, so that it does not overwrite what somebody
// else changed after the plan.
type seen struct {
	ID          string `json:"id"`
	Edition     int64  `json:"edition"`
	Incarnation int64  `json:"incarnation"`
	// Deployment is the id of the backend that has the object. Another backend does not lack the object: it is the wrong
	// one.
	Deployment string `json:"deployment,omitempty"`
	// Leaves means that the plan replaces the object by one in another project or environment, which takes the name of the
	// present one. So the names of the two places are equal.
	Leaves bool `json:"leaves,omitempty"`
	// MissingProject is the project of the provider block, if it did not exist when the plan read the object. The plan
	// cannot tell whether it renames the object's project or creates another one. It plans an update, and the apply keeps
	// to that: Terraform reports it as a defect of the provider if an update becomes a replacement.
	MissingProject string `json:"missing_project,omitempty"`
}

// place is where an object is. Terraform deletes an object and creates its replacement in two steps, of which the first
// must know of the second: a deletion whose object comes back in the same place keeps its contents.
type place struct {
	Project     string `json:"project,omitempty"`
	Environment string `json:"environment,omitempty"`
	Scope       string `json:"scope,omitempty"`
	Name        string `json:"name,omitempty"`
}

// privateReader and privateWriter are the private state of a request and of a response.
type privateReader interface {
	GetKey(ctx context.Context, key string) ([]byte, diag.Diagnostics)
}
type privateWriter interface {
	SetKey(ctx context.Context, key string, value []byte) diag.Diagnostics
}

// readPrivate returns the value of a key, or the zero value.
func readPrivate[T any](ctx context.Context, from privateReader, key string, diags *diag.Diagnostics) T {
	var value T
	text, d := from.GetKey(ctx, key)
	diags.Append(d...)
	if len(text) > 0 {
		if err := json.Unmarshal(text, &value); err != nil {
			diags.AddError("Invalid private state", "The private state that Terraform stores for the provider cannot be "+
				"parsed: "+err.Error())
		}
	}
	return value
}

func writePrivate[T any](ctx context.Context, to privateWriter, key string, value T, diags *diag.Diagnostics) {
	text, err := json.Marshal(value)
	if err != nil {
		diags.AddError("Invalid private state", err.Error())
		return
	}
	diags.Append(to.SetKey(ctx, key, text)...)
}

// written returns what is known of an object that the provider has just written.
func (s seen) written(o backend.Object) seen {
	return seen{ID: o.ID, Edition: o.Edition, Incarnation: o.Incarnation, Deployment: s.Deployment}
}

// isOf reports whether an object was seen before.
func (s seen) isOf(o backend.Object) bool { return s.ID == o.ID && s.Edition > 0 }

// refreshed returns what is known of an object that the provider has read. The incarnation stays: if another resource
// took over the object, this resource must not change it.
func (s seen) refreshed(o backend.Object, deployment string) seen {
	now := s.written(o)
	if deployment != "" {
		now.Deployment = deployment
	}
	if s.isOf(o) {
		now.Incarnation = s.Incarnation
	}
	return now
}
