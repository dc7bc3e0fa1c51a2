from setuptools import find_packages, setup

setup(
    name="aisle_nodes",
    version="0.1.0",
    packages=find_packages(exclude=["test"]),
    package_data={"": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/aisle_nodes"]),
        ("share/aisle_nodes", ["package.xml"]),
    ],
    zip_safe=True,
    extras_require={"test": ["pytest"]},
    maintainer="Aisle maintainers",
    maintainer_email="maintainers@aisle.example",
    description="The nodes of the store graph: thin shells around aisle_core.",
    license="Apache-2.0",
    entry_points={
        "console_scripts": [
            "run = aisle_nodes.run:main",
            "store_node = aisle_nodes.store_node:main",
            "people_node = aisle_nodes.people_node:main",
            "tracker_node = aisle_nodes.tracker_node:main",
            "shelf_event_node = aisle_nodes.shelf_event_node:main",
            "item_evidence_node = aisle_nodes.item_evidence_node:main",
            "cart_fusion_node = aisle_nodes.cart_fusion_node:main",
            "checkout_node = aisle_nodes.checkout_node:main",
            "markers_node = aisle_nodes.markers_node:main",
            "results_node = aisle_nodes.results_node:main",
            "recorder_node = aisle_nodes.recorder_node:main",
            "bag_player_node = aisle_nodes.bag_player_node:main",
        ]
    },
)
