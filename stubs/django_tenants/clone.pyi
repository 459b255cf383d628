class CloneSchema:
    def clone_schema(
        self, base_schema_name: str, new_schema_name: str, clone_mode: str = "DATA", set_connection: bool = True
    ) -> None: ...
