// SPDX-License-Identifier: MPL-2.0

package backend

import "context"

// RevealRef returns the reference that shows the current value of a secret to a person.
func RevealRef(ctx context.Context, s Querier, secret Object) (Ref, error) {
	ref := Ref{Kind: KindSecret, Project: secret.Project, Environment: secret.Environment, Scope: secret.Scope,
		Name: secret.Name, Reveal: true}
	if ref.Environment != AnyEnvironment {
		return ref, nil
	}
	// A reference must name an environment, and sees the shared secret from there.
	var err error
	ref.Environment, err = environmentThatSees(ctx, s, secret)
	return ref, err
}

// environmentThatSees returns an environment without its own secret of the same name, in which a reference leads to the
// shared secret.
func environmentThatSees(ctx context.Context, s Querier, shared Object) (string, error) {
	environments, err := ListAll(ctx, s, Query{Kind: KindEnvironment, Project: shared.Project})
	if err != nil {
		return "", err
	}
	sameName, err := ListAll(ctx, s, Query{
		Kind: KindSecret, Project: shared.Project, Name: shared.Name, Scope: shared.Scope,
	})
	if err != nil {
		return "", err
	}
	hasOwn := map[string]bool{}
	for _, o := range sameName {
		hasOwn[o.Environment] = true
	}
	for _, e := range environments {
		if !hasOwn[e.Name] {
			return e.Name, nil
		}
	}
	return "", Errorf(CodeNotFound, "secret %s cannot be revealed in any environment", Quote(shared.Name)).
		WithHint("create an environment without its own secret of this name")
}
