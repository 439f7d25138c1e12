// SPDX-License-Identifier: MPL-2.0

package httpapi

import _ "embed" // for openAPI

// openAPI describes the routes. TestOpenAPI makes it from the types of the routes; see ADR 40. A program that only has
// the client does not contain it.
//
//go:embed openapi.json
var openAPI string

// OpenAPI returns the description of the routes of a server, as an OpenAPI 3.1 document in JSON.
func OpenAPI() string { return openAPI }
