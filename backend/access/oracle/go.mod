module github.com/pouncet/terraform-provider-pouncet/backend/access/oracle

go 1.26.0

require (
	github.com/cedar-policy/cedar-go v1.9.1
	github.com/pouncet/terraform-provider-pouncet v0.0.0
)

require (
	github.com/go-json-experiment/json v1.27.2 // indirect
	golang.org/x/exp v0.0.0-20261113113407-e3970619a1a4 // indirect
)

replace github.com/pouncet/terraform-provider-pouncet => ../../..
