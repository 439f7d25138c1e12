# Stage the changes: pouncet secret set db_password --env prod --stdin --draft release-7
# Review them:       pouncet draft show release-7
# Deploy them:       terraform apply -invoke=action.pouncet_deploy_draft.release
action "pouncet_deploy_draft" "release" {
  config {
    name = "release-7"
  }
}
