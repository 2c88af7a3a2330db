"""What the sidebar and Blender's menus show."""
