"""What an author writes: study.toml, the plan, published tables, and a first study folder."""
