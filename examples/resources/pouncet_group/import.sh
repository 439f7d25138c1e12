# By name, or by id.
terraform import pouncet_group.pipelines pipelines
