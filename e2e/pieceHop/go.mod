module pgtape.test/hop

go 1.25
