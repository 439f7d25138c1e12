// SPDX-License-Identifier: MPL-2.0

// Package resources holds the provider's resources, one a file: schema, model
// and the four operations. What they share is here: each is an object of the
// backend, read by its id, changed by one change, and asked about in a dry run
// while Terraform plans.
//
// A resource is handed a session with a Service; where that runs, it does not know.
package resources

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/session"
)

// object is the part of every resource that does not depend on its schema.
type objectResource struct {
	kind    backend.Kind
	paths   session.Paths // the backend's names of attributes to the schema's
	session *session.Session
}

// pathsOf is the paths of attributes that have the same name on both sides.
func rootPaths(names ...string) session.Paths {
	p := session.Paths{}
	for _, name := range names {
		p[name] = path.Root(name)
	}
	return p
}

func (o *objectResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	o.session = session.From(req.ProviderData, &resp.Diagnostics)
}

// read returns the object with an id, or false if it is gone. The project that
// it was last in says where to look first.
func (o *objectResource) readObject(ctx context.Context, project, id string, diags *diag.Diagnostics) (backend.Object, bool) {
	found, err := o.query(ctx, backend.Query{Kind: o.kind, Project: project, ID: id})
	if err != nil {
		session.Report(diags, "Reading the "+o.kind.String(), err, nil)
		return backend.Object{}, false
	}
	if len(found) == 0 {
		return backend.Object{}, false
	}
	return found[0], true
}

func (o *objectResource) query(ctx context.Context, q backend.Query) ([]backend.Object, error) {
	page, err := o.session.Service.Query(ctx, q)
	return page.Objects, err
}

// apply makes one change. The idempotency key lets the client repeat a request whose answer was lost.
func (o *objectResource) applyChange(ctx context.Context, doing string, c backend.Change, diags *diag.Diagnostics) (backend.Outcome, bool) {
	c.ManagedBy = &o.session.ManagedBy
	out, err := o.session.Service.Apply(ctx, backend.ChangeSet{Changes: []backend.Change{c}, IdempotencyKey: rand.Text()})
	if err != nil {
		session.Report(diags, doing+" the "+o.kind.String(), o.withHint(err, c), o.paths)
		return backend.Outcome{}, false
	}
	return out[0], true
}

// explain tells, of an object that exists already, how to take it over, and of
// one in use, what to do if that should go as well.
func (o *objectResource) withHint(err error, c backend.Change) error {
	unmanaged := func(u backend.Dependent) bool { return u.ID != "" && u.ManagedBy == "" }
	if errors.Is(err, backend.ErrInUse) && c.Op == backend.OpDelete && slices.ContainsFunc(backend.AsError(err).Dependents, unmanaged) {
		e := *backend.AsError(err)
		e.Hint += ". Users that Terraform does not manage, as those that were imported and not changed since, go first, in an apply of their own"
		return &e
	}
	if !errors.Is(err, backend.ErrExists) || c.Op != backend.OpCreate {
		return err
	}
	e := *backend.AsError(err)
	id := c.Name
	if c.Environment != "" {
		id = c.Environment + "/" + id
		if c.Scope != "" && c.Scope != backend.ProjectScope {
			id = c.Environment + "/" + c.Scope + "/" + c.Name
		}
	}
	if c.Project != "" {
		id = c.Project + "/" + id
	}
	e.Hint = fmt.Sprintf("to manage it from here: terraform import ADDRESS %q; if only its address changes: a moved block; otherwise choose another name", id)
	return &e
}

// removal is the change that deletes the object with an id.
func (o *objectResource) deletion(id string) backend.Change {
	return backend.Change{Op: backend.OpDelete, Kind: o.kind, ID: id}
}

// remove deletes the object with an id; one that is gone already is fine.
func (o *objectResource) deleteObject(ctx context.Context, id string, diags *diag.Diagnostics) {
	_, err := o.session.Service.Apply(ctx, backend.ChangeSet{Changes: []backend.Change{o.deletion(id)}, IdempotencyKey: rand.Text()})
	if err != nil && !errors.Is(err, backend.ErrNotFound) {
		session.Report(diags, "Deleting the "+o.kind.String(), err, nil)
	}
}

// ask asks, while Terraform plans, what a change would do, and makes the rules
// that it breaks errors of the plan. An attribute that a change cannot give to
// the object that is there is no error: it is returned, for the object to be replaced.
func (o *objectResource) checkChange(ctx context.Context, diags *diag.Diagnostics, c backend.Change) (said *backend.Outcome, replace path.Paths) {
	doing := "Planning the " + o.kind.String()
	v, err := o.session.Plan.Check(ctx, c)
	if err != nil {
		session.Report(diags, doing, err, o.paths)
		return nil, nil
	}
	for _, broken := range v.Errors {
		switch {
		case broken.Code == backend.CodeImmutable:
			return nil, path.Paths{o.paths[broken.Attribute]}
		case broken.Code == backend.CodeNotFound && c.Op == backend.OpDelete:
			// Gone already, which is what is wanted.
		case v.Uncertain:
			session.Warn(diags, doing, broken, o.paths)
		default:
			session.Report(diags, doing, o.withHint(broken, c), o.paths)
		}
	}
	if len(v.Errors) > 0 {
		return nil, nil
	}
	return &v.Outcome, nil
}

// importID takes an object over by id, or by what resolve makes of its name.
func (o *objectResource) importID(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse, resolve func(given string) (backend.Query, error)) {
	given := req.ID
	if given == "" && req.Identity != nil {
		resp.Diagnostics.Append(req.Identity.GetAttribute(ctx, path.Root("id"), &given)...)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	q := backend.Query{Kind: o.kind, ID: given}
	if !backend.IsID(given) {
		var err error
		if q, err = resolve(given); err != nil {
			session.Report(&resp.Diagnostics, "Importing the "+o.kind.String(), err, nil)
			return
		}
		q.Kind = o.kind
	}
	found, err := o.query(ctx, q)
	if err == nil && len(found) != 1 {
		err = backend.Errorf(backend.CodeNotFound, "%s %s does not exist", o.kind, backend.Quote(given)).
			WithHint("see: pouncet %s list", map[backend.Kind]string{
				backend.KindProject: "project", backend.KindEnvironment: "env", backend.KindSecretType: "type", backend.KindSecret: "secret", backend.KindScopedValue: "value",
			}[o.kind])
	}
	if err != nil {
		session.Report(&resp.Diagnostics, "Importing the "+o.kind.String(), err, nil)
		return
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("id"), found[0].ID)...)
	setIdentity(ctx, resp.Identity, found[0].ID, &resp.Diagnostics)
}

// member is how an environment or type is named for import: [project/]name.
func (o *objectResource) namedQuery(given string) (backend.Query, error) {
	parts := split(given)
	switch len(parts) {
	case 1:
		return backend.Query{Project: o.session.Project, Name: parts[0]}, nil
	case 2:
		return backend.Query{Project: parts[0], Name: parts[1]}, nil
	}
	return backend.Query{}, importIDError(given, "[project/]name")
}

// entry is how a secret or scoped value is named for import:
// [project/]environment/[app/x/|pipeline/x/]name.
func (o *objectResource) entryQuery(given string) (backend.Query, error) {
	parts := split(given)
	q := backend.Query{Project: o.session.Project, Scope: backend.ProjectScope}
	n := len(parts)
	if n >= 4 && (parts[n-3] == "app" || parts[n-3] == "pipeline") {
		q.Scope = parts[n-3] + "/" + parts[n-2]
		parts = append(parts[:n-3:n-3], parts[n-1])
	}
	switch len(parts) {
	case 2:
		q.Environment, q.Name = parts[0], parts[1]
	case 3:
		q.Project, q.Environment, q.Name = parts[0], parts[1], parts[2]
	default:
		return q, importIDError(given, "[project/]environment/[app/x/|pipeline/x/]name")
	}
	return q, nil
}

func importIDError(given, form string) error {
	return backend.Errorf(backend.CodeInvalid, "%s is neither an id nor of the form %s", backend.Quote(given), form)
}

// text is a string attribute that is null when it is empty, as the schema has
// "not given", which the backend keeps as "".
func optionalString(s string) types.String {
	if s == "" {
		return types.StringNull()
	}
	return types.StringValue(s)
}

// changed is the new value of an attribute if it differs from the old one;
// null stands for "".
func changedString(old, planned types.String) *string {
	if planned.IsUnknown() || old.ValueString() == planned.ValueString() {
		return nil
	}
	value := planned.ValueString()
	return &value
}
