module cx.local/supply/pause

go 1.25.0
