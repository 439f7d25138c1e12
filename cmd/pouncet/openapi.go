// SPDX-License-Identifier: MPL-2.0

package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
)

func (a *app) openAPICommand() *cobra.Command {
	return &cobra.Command{
		Use:   "openapi",
		Short: "Print the OpenAPI document of the server",
		Long: `Prints the OpenAPI 3.1 document of the API that this version of the server has,
as JSON. A running server answers GET /v1/openapi.json with the same document.`,
		Example: `  pouncet server openapi > openapi.json`,
		Args:    arguments(0, 0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			_, err := io.WriteString(a.out, httpapi.OpenAPI())
			return err
		},
	}
}
