// SPDX-License-Identifier: MPL-2.0

// Package engines gives rendered files to the tools that evaluate them next: Go templates with Sprig, Argo, Jinja,
// Ansible, GitHub Actions and EJS. It is a separate module, so that their libraries are not dependencies of the
// program.
package engines
